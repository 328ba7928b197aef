"""Parsing the months of a settlement, and their limit."""

from datetime import date

import pytest

from pointsync.errors import InvalidInput
from pointsync.ledger.settlement_sums import parse_months

TODAY = date(2026, 3, 31)


def month_names(first: str | None = None, last: str | None = None) -> list[str]:
    """The months as text."""
    return [f"{day:%Y-%m-%d}" for day in parse_months(first, last, TODAY)]


def test_the_last_six_months_by_default():
    assert month_names() == [
        f"{month}-01" for month in ("2025-10", "2025-11", "2025-12", "2026-01", "2026-02", "2026-03")
    ]
    assert month_names(last="2026-02")[0] == "2025-09-01"
    assert month_names(first="2025-12") == ["2025-12-01", "2026-01-01", "2026-02-01", "2026-03-01"]
    assert month_names(first="2026-05") == ["2026-05-01"]
    assert month_names(" 2026-01 ", "2026-01") == ["2026-01-01"]


def test_at_most_36():
    assert len(month_names("2023-04", "2026-03")) == 36
    with pytest.raises(InvalidInput, match="37 months; give at most 36, such as from 2023-04") as fault:
        month_names("2023-03", "2026-03")
    assert list(fault.value.fields) == ["from"]
    assert len(month_names("2963-01", "2965-12")) == 36


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        ("2026", None, "from"),
        ("2026-13", None, "from"),
        ("2026-00", None, "from"),
        ("2026-1", None, "from"),
        ("1969-12", None, "from"),
        ("3000-01", None, "from"),
        ("0000-01", None, "from"),
        ("٢٠٢٦-01", None, "from"),
        ("2026-01\x00", None, "from"),
        (None, "2026-02-01", "to"),
        (None, "now", "to"),
        ("2026-02", "2026-01", "to"),
    ],
)
def test_an_invalid_value_names_its_field(first, last, field):
    with pytest.raises(InvalidInput) as fault:
        month_names(first, last)
    assert list(fault.value.fields) == [field]
    assert "2026-01" in fault.value.message
