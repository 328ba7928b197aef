"""Expiry rules: the days in all months and years, and at clock changes."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync.clock import local_date, start_of_day
from pointsync.errors import InvalidInput
from pointsync.ledger.expiry.rule import ExpiryRule, make_period_rule, make_yearly_rule

LONG_AGO = date(2000, 1, 1)
PARIS = ZoneInfo("Europe/Paris")


def noon(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=12)


@pytest.mark.parametrize(
    ("given_on", "count", "unit", "lost_on"),
    [
        (date(2026, 1, 1), 9, "months", date(2026, 10, 1)),
        (date(2026, 1, 31), 1, "months", date(2026, 2, 28)),
        (date(2024, 1, 31), 1, "months", date(2024, 2, 29)),
        (date(2024, 2, 29), 12, "months", date(2025, 2, 28)),
        (date(2024, 2, 29), 48, "months", date(2028, 2, 29)),
        (date(2026, 12, 31), 2, "months", date(2027, 2, 28)),
        (date(2026, 2, 28), 1, "days", date(2026, 3, 1)),
        (date(2024, 2, 28), 1, "days", date(2024, 2, 29)),
        (date(2024, 2, 29), 365, "days", date(2025, 2, 28)),
        (date(9999, 6, 1), 12, "months", date.max),
        (date(9999, 6, 1), 36_500, "days", date.max),
    ],
)
def test_a_period_ends_on_a_day_that_there_is(given_on: date, count: int, unit: str, lost_on: date) -> None:
    assert (
        make_period_rule("transactional", count, unit, LONG_AGO).expiry_day(noon(given_on), ZoneInfo("UTC")) == lost_on
    )


def test_nothing_is_lost_before_the_rule_was_set() -> None:
    rule = make_period_rule("inactivity", 30, "days", date(2026, 6, 1))
    assert rule.expiry_day(noon(date(2020, 1, 1)), PARIS) == date(2026, 6, 1)
    assert rule.expiry_day(noon(date(2026, 5, 20)), PARIS) == date(2026, 6, 19)
    assert make_yearly_rule(1, 1, date(2026, 6, 1)).next_expiry_day(date(2020, 5, 5)) == date(2027, 1, 1)


def test_the_day_is_the_sites_own() -> None:
    late = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
    assert local_date(late, PARIS) == date(2026, 4, 1)
    assert make_period_rule("transactional", 1, "days", LONG_AGO).expiry_day(late, PARIS) == date(2026, 4, 2)
    assert make_period_rule("transactional", 1, "days", LONG_AGO).expiry_day(late, ZoneInfo("UTC")) == date(2026, 4, 1)


@pytest.mark.parametrize(
    ("month", "day", "after", "found"),
    [
        (12, 31, date(2026, 5, 5), date(2026, 12, 31)),
        (12, 31, date(2026, 12, 30), date(2026, 12, 31)),
        (12, 31, date(2026, 12, 31), date(2027, 12, 31)),
        (2, 29, date(2026, 1, 1), date(2026, 2, 28)),
        (2, 29, date(2028, 1, 1), date(2028, 2, 29)),
        (2, 29, date(2028, 2, 28), date(2028, 2, 29)),
    ],
)
def test_each_year_has_its_day(month: int, day: int, after: date, found: date) -> None:
    assert make_yearly_rule(month, day, LONG_AGO).next_expiry_day(after) == found


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        ("Europe/Paris", date(2026, 3, 29), datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("Europe/Paris", date(2026, 3, 30), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("Europe/Paris", date(2026, 10, 25), datetime(2026, 10, 24, 22, tzinfo=UTC)),
        ("Europe/Paris", date(2026, 10, 26), datetime(2026, 10, 25, 23, tzinfo=UTC)),
        # Clocks change from 0:00 to 1:00 (first), or from 1:00 back to 0:00 (second).
        ("America/Havana", date(2026, 3, 8), datetime(2026, 3, 8, 5, tzinfo=UTC)),
        ("America/Havana", date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC)),
    ],
)
def test_a_day_begins_once_at_every_clock_change(zone: str, day: date, start: datetime) -> None:
    assert start_of_day(day, ZoneInfo(zone)) == start


@given(st.sampled_from(sorted(available_timezones())), st.dates(date(2015, 1, 1), date(2035, 1, 1)))
def test_the_first_moment_of_a_day_is_of_that_day_and_the_one_before_is_not(name: str, day: date) -> None:
    zone = ZoneInfo(name)
    start = start_of_day(day, zone)
    assert local_date(start, zone) >= day
    assert local_date(start - timedelta(seconds=1), zone) < day


@pytest.mark.parametrize(
    ("kind", "count", "unit", "field"),
    [
        ("sometimes", 1, "days", "kind"),
        ("yearly", 1, "days", "kind"),
        ("transactional", 0, "days", "count"),
        ("transactional", -1, "months", "count"),
        ("inactivity", 36_501, "days", "count"),
        ("inactivity", 1_201, "months", "count"),
        ("inactivity", 1, "weeks", "unit"),
    ],
)
def test_an_invalid_period_is_reported_at_its_field(kind: str, count: int, unit: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        make_period_rule(kind, count, unit, LONG_AGO)
    assert list(refusal.value.fields) == [field]


@pytest.mark.parametrize(("month", "day"), [(0, 1), (13, 1), (2, 30), (4, 31), (1, 0), (12, 32)])
def test_an_invalid_day_is_reported(month: int, day: int) -> None:
    with pytest.raises(InvalidInput) as refusal:
        make_yearly_rule(month, day, LONG_AGO)
    assert list(refusal.value.fields) == ["on"]


def test_a_rule_has_all_its_fields() -> None:
    assert make_yearly_rule(6, 30, LONG_AGO) == ExpiryRule("yearly", LONG_AGO, month=6, day=30)
