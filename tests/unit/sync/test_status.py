"""A remote's status: every rule at its boundaries, and a text that says what to do."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from pointsync.sync.remotes.status import ERROR, GREEN, NONE, WARNING, StatusFacts, compute_status, describe_status
from pointsync.sync.site.settings import DEFINITIONS, Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MS = timedelta(milliseconds=1)
DAY = timedelta(days=1)
UTC_ZONE = ZoneInfo("UTC")

GOOD = StatusFacts(attempt_code="ok", check_code="ok", has_sent=True)
NEW = StatusFacts()
TIMEOUT = {"attempt_code": "timeout", "attempt_message": "shop.example did not answer in time; is it running?"}
WRONG_PASS = {
    "attempt_code": "bad_credentials",
    "attempt_message": "shop.example refused the Pass. Please copy it again.",
    "attempt_is_permanent": True,
}
SLOW_CHECK = {"check_code": "timeout", "check_message": "shop.example did not answer the check; is it running?"}
BAD_CHECK = {
    "check_code": "certificate",
    "check_message": "The certificate of shop.example has expired: renew it there.",
    "check_is_permanent": True,
}


def make_settings(warning_days: int = 7, statistics_days: int = 31) -> Settings:
    """Settings with these periods."""
    defaults = {name: definition.default for name, definition in DEFINITIONS.items()}
    return Settings(**(defaults | {"warning_days": warning_days, "statistics_days": statistics_days}))


def failed_facts(age: timedelta) -> StatusFacts:
    """A remote that works now and last failed `age` ago."""
    return replace(GOOD, last_failure_at=NOW - age)


TABLE = [
    # is_failing facts
    ("new", NEW, NONE),
    ("new, check fine", replace(NEW, check_code="ok"), NONE),
    ("new, clocks apart but fine", replace(NEW, check_code="clock_skew"), NONE),
    ("new, check failed", replace(NEW, **SLOW_CHECK), WARNING),
    ("new, check failed permanently", replace(NEW, **BAD_CHECK), ERROR),
    ("new, movements wait", replace(NEW, pending_count=3), NONE),
    ("new, paused", replace(NEW, is_paused=True), NONE),
    ("new, paused, movements wait", replace(NEW, is_paused=True, pending_count=1), WARNING),
    ("sent", GOOD, GREEN),
    ("sent, never checked", replace(GOOD, check_code=None), GREEN),
    ("sent, clocks apart", replace(GOOD, check_code="clock_skew"), GREEN),
    ("sent, movements wait", replace(GOOD, pending_count=1000), GREEN),
    ("attempt failed", replace(GOOD, **TIMEOUT), WARNING),
    ("attempt failed, check fine since", replace(GOOD, **TIMEOUT, last_failure_at=NOW - 99 * DAY), WARNING),
    ("attempt failed permanently", replace(GOOD, **WRONG_PASS), ERROR),
    ("check failed", replace(GOOD, **SLOW_CHECK), WARNING),
    ("check failed permanently", replace(GOOD, **BAD_CHECK), ERROR),
    ("an attempt that succeeded, still marked as permanent", replace(GOOD, attempt_is_permanent=True), GREEN),
    ("a check that succeeded, still marked as permanent", replace(GOOD, check_is_permanent=True), GREEN),
    ("paused, nothing waits", replace(GOOD, is_paused=True), GREEN),
    ("paused, one waits", replace(GOOD, is_paused=True, pending_count=1), WARNING),
    ("paused, only customers unknown there", replace(GOOD, is_paused=True, unknown_customer_count=5), GREEN),
    ("customers unknown there", replace(GOOD, unknown_customer_count=500), GREEN),
    ("used up", replace(GOOD, has_used_up_attempts=True, pending_count=1), ERROR),
    ("used up, paused", replace(GOOD, has_used_up_attempts=True, pending_count=1, is_paused=True), ERROR),
    ("used up, failed transiently", replace(GOOD, **TIMEOUT, has_used_up_attempts=True, pending_count=1), ERROR),
    ("one refused", replace(GOOD, failed_count=1), ERROR),
    ("one refused, paused", replace(GOOD, failed_count=1, is_paused=True), ERROR),
    ("one refused and nothing was ever sent", replace(NEW, failed_count=1), ERROR),
    # red, however old
    ("used up long ago", replace(failed_facts(999 * DAY), has_used_up_attempts=True, pending_count=1), ERROR),
    ("refused long ago", replace(failed_facts(999 * DAY), failed_count=1), ERROR),
    ("failed permanently long ago", replace(failed_facts(999 * DAY), **WRONG_PASS), ERROR),
    ("failing transiently for long", replace(failed_facts(999 * DAY), **TIMEOUT), WARNING),
]


@pytest.mark.parametrize(
    ("facts", "status"), [(facts, status) for _, facts, status in TABLE], ids=[row[0] for row in TABLE]
)
@pytest.mark.parametrize("periods", [(7, 31), (0, 31), (7, 1), (3650, 3650)], ids=str)
def test_present_facts_count_whatever_the_periods(facts, status, periods):
    assert compute_status(facts, NOW, make_settings(*periods)) == status


PERIODS = [
    # warning, statistics, age of the last error → status
    (7, 31, timedelta(0), WARNING),
    (7, 31, 7 * DAY - MS, WARNING),
    (7, 31, 7 * DAY, GREEN),
    (7, 31, 7 * DAY + MS, GREEN),
    (1, 31, DAY - MS, WARNING),
    (1, 31, DAY, GREEN),
    (31, 31, 31 * DAY - MS, WARNING),
    (31, 31, 31 * DAY, GREEN),
    (31, 7, 7 * DAY - MS, WARNING),
    (31, 7, 7 * DAY, GREEN),
    (3650, 1, DAY - MS, WARNING),
    (3650, 1, DAY, GREEN),
    (0, 31, timedelta(0), GREEN),
    (0, 31, MS, GREEN),
    (0, 1, 10 * DAY, GREEN),
    (7, 31, -MS, WARNING),
    (3650, 3650, 3650 * DAY - MS, WARNING),
    (3650, 3650, 3650 * DAY, GREEN),
]


@pytest.mark.parametrize(("warning", "statistics", "age", "status"), PERIODS, ids=str)
def test_a_past_error_counts_for_the_shorter_period(warning, statistics, age, status):
    assert compute_status(failed_facts(age), NOW, make_settings(warning, statistics)) == status


@pytest.mark.parametrize(("age", "status"), [(7 * DAY - MS, WARNING), (7 * DAY, NONE)], ids=str)
def test_a_past_error_of_a_remote_that_never_got_anything(age, status):
    facts = replace(NEW, check_code="ok", last_failure_at=NOW - age)
    assert compute_status(facts, NOW, make_settings()) == status


ALL = [
    replace(
        GOOD,
        **attempt,
        **check,
        is_paused=paused,
        has_used_up_attempts=used_up,
        pending_count=pending,
        failed_count=refused,
        has_sent=sent,
    )
    for attempt, check, paused, used_up, pending, refused, sent in product(
        ({}, TIMEOUT, WRONG_PASS),
        ({}, SLOW_CHECK, BAD_CHECK),
        (False, True),
        (False, True),
        (0, 2),
        (0, 1),
        (False, True),
    )
]


def test_error_comes_before_warning_before_the_rest():
    """The rules written a second time, for every combination."""
    for facts in ALL:
        is_permanent = facts.attempt_is_permanent or facts.check_is_permanent
        is_failing = "timeout" in (facts.attempt_code, facts.check_code)
        if facts.has_used_up_attempts or is_permanent or facts.failed_count:
            expected = ERROR
        elif is_failing or (facts.is_paused and facts.pending_count):
            expected = WARNING
        else:
            expected = GREEN if facts.has_sent else NONE
        assert compute_status(facts, NOW, make_settings(0)) == expected, facts


def test_the_text_is_never_empty_and_never_contradicts_the_status():
    for facts in ALL:
        status = compute_status(facts, NOW, make_settings())
        text = describe_status(facts, status, make_settings(), NOW, UTC_ZONE)
        assert text, facts
        if status in (ERROR, WARNING):
            assert not text.startswith(("In step.", "Nothing was sent")), facts
        for count, word in ((facts.pending_count, "waiting"), (facts.failed_count, "refused")):
            counted = [f"{count} movement{'s' * (count != 1)} {word}"] if count else []
            assert re.findall(rf"[0-9]+ movements? {word}", text) == counted, facts
        assert "nothing waits" not in text or not (facts.pending_count or facts.failed_count), facts
        assert "not the same" not in text, facts
        assert text.startswith("Paused: nothing is sent until it is resumed.") == facts.is_paused, facts
        if facts.is_paused:
            assert not any(word in text for word in ("being sent", "is pinged every", "In step")), facts


@pytest.mark.parametrize(
    ("facts", "parts"),
    [
        (replace(GOOD, **TIMEOUT), ["did not answer in time; is it running?"]),
        (replace(GOOD, **WRONG_PASS, pending_count=1), ["copy it again", "1 movement waiting."]),
        (replace(GOOD, **BAD_CHECK), ["renew it there"]),
        (replace(GOOD, **TIMEOUT, **BAD_CHECK), ["renew it there"]),
        (replace(GOOD, **SLOW_CHECK), ["did not answer the check"]),
        (
            replace(GOOD, **TIMEOUT, has_used_up_attempts=True, pending_count=2),
            [
                "after 10 attempts",
                "is it running?",
                "every 180 seconds",
                "everything waiting is sent",
                "2 movements waiting.",
            ],
        ),
        (replace(GOOD, failed_count=1), ["1 movement refused", "send again, set aside or correct here"]),
        (replace(GOOD, failed_count=1234), ["1,234 movements refused"]),
        (
            replace(GOOD, **WRONG_PASS, failed_count=2, pending_count=1),
            ["copy it again", "1 movement waiting.", "2 movements refused there"],
        ),
        (replace(GOOD, **SLOW_CHECK, sending_problem="Nothing is sent."), ["Nothing is sent.", "answer the check"]),
        (replace(GOOD, is_paused=True, pending_count=3), ["Paused", "until it is resumed", "3 movements waiting."]),
        (replace(GOOD, is_paused=True), ["Paused: nothing is sent until it is resumed."]),
        (
            replace(GOOD, **WRONG_PASS, is_paused=True, pending_count=1),
            ["Paused: nothing is sent", "copy it again", "1 movement"],
        ),
        (replace(GOOD, failed_count=1, is_paused=True), ["Paused: nothing is sent", "send again, set aside"]),
        (
            replace(GOOD, is_paused=True, unknown_customer_count=2),
            ["Paused: nothing is sent", "2 movements for customers"],
        ),
        (
            replace(failed_facts(DAY), is_paused=True),
            ["Paused: nothing is sent", "Last error 24 h ago; turns green on 7 Mar."],
        ),
        (failed_facts(DAY), ["In step. Last error 24 h ago; turns green on 7 Mar."]),
        (failed_facts(timedelta(seconds=59)), ["Last error 59 s ago; turns green on 8 Mar."]),
        (failed_facts(timedelta(minutes=3)), ["Last error 3 min ago;"]),
        (failed_facts(6 * DAY), ["Last error 6 days ago; turns green on 2 Mar."]),
        (replace(NEW, check_code="ok", last_failure_at=NOW), ["Last error 0 s ago; the warning ends on 8 Mar."]),
        (GOOD, ["In step: delivered; cannot be compared."]),
        (replace(GOOD, unknown_customer_count=1), ["In step: delivered;", "1 movement for customers unknown there."]),
        (NEW, ["Nothing was sent yet."]),
        (replace(NEW, check_code="ok"), ["Nothing was sent yet; the last check succeeded."]),
    ],
)
def test_the_text_says_what_is_wrong_and_what_to_do(facts, parts):
    text = describe_status(facts, compute_status(facts, NOW, make_settings()), make_settings(), NOW, UTC_ZONE)
    assert [part for part in parts if part not in text] == []


@pytest.mark.parametrize("facts", [replace(GOOD, pending_count=5), replace(failed_facts(DAY), pending_count=5)])
def test_a_remote_with_movements_waiting_is_not_called_in_step(facts):
    assert "In step" not in describe_status(
        facts, compute_status(facts, NOW, make_settings()), make_settings(), NOW, UTC_ZONE
    )


@pytest.mark.parametrize(("code", "status"), [("timeout", WARNING), ("bad_credentials", ERROR)])
def test_a_failure_without_a_message_is_still_reported(code, status):
    facts = replace(GOOD, attempt_code=code, attempt_is_permanent=status == ERROR)
    assert compute_status(facts, NOW, make_settings()) == status
    assert "fail" in describe_status(facts, status, make_settings(), NOW, UTC_ZONE)
