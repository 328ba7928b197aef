"""Green is compared: what makes a remote orange or red although its calls succeed, at the boundaries."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pointsync.models import Remote
from pointsync.sync.remotes import shown_status
from pointsync.sync.remotes.status import ERROR, GREEN, WARNING, Comparison, StatusFacts, compute_status
from pointsync.sync.site.settings import DEFINITIONS, Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MS = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
SETTINGS = Settings(**{name: definition.default for name, definition in DEFINITIONS.items()})

EQUAL = Comparison(NOW, 3, is_equal_there=True, is_equal_here=True)
GOOD = StatusFacts(attempt_code="ok", check_code="ok", has_sent=True, comparison=EQUAL)


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        (GOOD, GREEN),
        (replace(GOOD, comparison=replace(EQUAL, is_equal_there=False)), WARNING),
        (replace(GOOD, comparison=replace(EQUAL, is_equal_here=False)), WARNING),
        (replace(GOOD, comparison=replace(EQUAL, is_equal_here=None)), WARNING),
        (replace(GOOD, comparison=replace(EQUAL, is_equal_there=None)), WARNING),
        (replace(GOOD, difference_count=1), ERROR),
        (replace(GOOD, sending_problem="Sending is stopped."), ERROR),
    ],
)
def test_what_differs_is_not_green(facts: StatusFacts, status: str) -> None:
    assert compute_status(facts, NOW, SETTINGS) == status


@pytest.mark.parametrize(
    ("age", "status"),
    [(timedelta(0), GREEN), (4 * SECOND, GREEN), (4 * SECOND + MS, WARNING), (-SECOND, GREEN), (-2 * SECOND, WARNING)],
)
def test_what_waits_for_more_than_four_seconds_is_late(age: timedelta, status: str) -> None:
    facts = replace(GOOD, pending_count=1, oldest_pending_at=NOW - age)
    assert compute_status(facts, NOW, SETTINGS) == status


@pytest.mark.parametrize(
    ("age", "status"),
    [(timedelta(0), GREEN), (9 * SECOND, GREEN), (9 * SECOND + MS, WARNING), (-MS, WARNING)],
)
def test_a_comparison_is_late_after_nine_seconds(age: timedelta, status: str) -> None:
    """A stored status may be a second old, so that nothing green was compared more than ten seconds ago."""
    facts = replace(GOOD, comparison=replace(EQUAL, compared_at=NOW - age))
    assert compute_status(facts, NOW, SETTINGS) == status


@pytest.mark.parametrize(
    ("age", "status"),
    [(timedelta(0), GREEN), (8 * SECOND, GREEN), (8 * SECOND + MS, WARNING), (-2 * SECOND, WARNING)],
)
def test_a_status_that_nobody_stores_any_more_is_not_shown_as_green(
    monkeypatch: pytest.MonkeyPatch, age: timedelta, status: str
) -> None:
    remote = Remote(id=1, status=GREEN, status_text="Equal.", status_at=NOW - age)
    monkeypatch.setattr(shown_status.sending_problem, "find", lambda _session: None)
    assert shown_status.load(None, [remote], NOW)[1].status == status
