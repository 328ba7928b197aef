"""The status of a remote whose site takes changes of customers: green only if both have all of them."""

from datetime import UTC, datetime, timedelta

import pytest

from pointsync.sync.comparison.change_facts import ChangeFacts
from pointsync.sync.remotes.status import (
    ERROR,
    GREEN,
    WARNING,
    Comparison,
    StatusFacts,
    compute_status,
    describe_status,
)
from tests.unit.sync.test_status import make_settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_after_an_error_the_changes_are_named_once() -> None:
    settings, comparison = make_settings(), Comparison(NOW - timedelta(seconds=2), 5, True, True)
    facts = StatusFacts(
        attempt_code="ok",
        has_sent=True,
        comparison=comparison,
        changes=ChangeFacts(waiting_count=3),
        last_failure_at=NOW - timedelta(hours=1),
    )
    status = compute_status(facts, NOW, settings)
    text = describe_status(facts, status, settings, NOW, UTC)  # type: ignore[arg-type]
    assert status == WARNING
    assert text.count("3 changes of customers waiting.") == 1
    assert "Last error" in text


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        (None, GREEN, "Equal, compared 2 s ago, 5 movements."),
        (ChangeFacts(), GREEN, "Equal, compared 2 s ago, 5 movements."),
        (ChangeFacts(waiting_count=1), WARNING, "1 change of customers waiting."),
        (ChangeFacts(waiting_count=2), WARNING, "2 changes of customers waiting."),
        (ChangeFacts(is_equal_there=False), WARNING, "The changes of customers are being compared."),
        (ChangeFacts(is_equal_here=None), WARNING, "The changes of customers are being compared."),
        (
            ChangeFacts(refused_count=1),
            ERROR,
            "1 change of customers refused there: see why under Activity › Changes of customers.",
        ),
        (
            ChangeFacts(strange_count=3, is_equal_there=False),
            ERROR,
            "3 changes of customers not the same on both sites: "
            "if this site was restored from a backup, run pointsync confirm restored.",
        ),
    ],
)
def test_status_and_text(changes: ChangeFacts | None, status: str, text: str) -> None:
    comparison = Comparison(NOW - timedelta(seconds=2), 5, True, True)
    facts = StatusFacts(attempt_code="ok", has_sent=True, comparison=comparison, changes=changes)
    settings = make_settings()
    assert compute_status(facts, NOW, settings) == status
    assert describe_status(facts, status, settings, NOW, UTC) == text  # type: ignore[arg-type]
