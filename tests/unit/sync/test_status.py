"""A remote's status, every rule at its edges; and that the words beside the colour say what to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from pointsync.sync.remotes.status import ERROR, GREEN, NONE, WARNING, Facts, status, words
from pointsync.sync.site.settings import KINDS, Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MS = timedelta(milliseconds=1)
DAY = timedelta(days=1)

GOOD = Facts(attempt_code="ok", check_code="ok", was_sent=True)
NEW = Facts()
TIMEOUT = {"attempt_code": "timeout", "attempt_message": "shop.example did not answer in time; is it running?"}
WRONG_PASS = {
    "attempt_code": "bad_credentials",
    "attempt_message": "shop.example refuses the Pass.: copy it again.",
    "attempt_is_permanent": True,
}
SLOW_CHECK = {"check_code": "timeout", "check_message": "shop.example did not answer the check; is it running?"}
BAD_CHECK = {
    "check_code": "certificate",
    "check_message": "The certificate of shop.example has expired: renew it there.",
    "check_is_permanent": True,
}


def known(warning_days: int = 7, statistics_days: int = 31) -> Settings:
    """The settings with these periods."""
    defaults = {name: kind.default for name, kind in KINDS.items()}
    return Settings(**(defaults | {"warning_days": warning_days, "statistics_days": statistics_days}))


def failed(age: timedelta) -> Facts:
    """A remote that is fine now and failed so long ago."""
    return replace(GOOD, last_failure_at=NOW - age)


TABLE = [
    # what is so now
    ("new", NEW, NONE),
    ("new, check fine", replace(NEW, check_code="ok"), NONE),
    ("new, clocks apart but fine", replace(NEW, check_code="clock_skew"), NONE),
    ("new, check failed", replace(NEW, **SLOW_CHECK), WARNING),
    ("new, check failed for good", replace(NEW, **BAD_CHECK), ERROR),
    ("new, movements wait", replace(NEW, pending=3), NONE),
    ("new, paused", replace(NEW, is_paused=True), NONE),
    ("new, paused, movements wait", replace(NEW, is_paused=True, pending=1), WARNING),
    ("sent", GOOD, GREEN),
    ("sent, never checked", replace(GOOD, check_code=None), GREEN),
    ("sent, clocks apart", replace(GOOD, check_code="clock_skew"), GREEN),
    ("sent, movements wait", replace(GOOD, pending=1000), GREEN),
    ("attempt failed", replace(GOOD, **TIMEOUT), WARNING),
    ("attempt failed, check fine since", replace(GOOD, **TIMEOUT, last_failure_at=NOW - 99 * DAY), WARNING),
    ("attempt failed for good", replace(GOOD, **WRONG_PASS), ERROR),
    ("check failed", replace(GOOD, **SLOW_CHECK), WARNING),
    ("check failed for good", replace(GOOD, **BAD_CHECK), ERROR),
    ("a permanent mark of an attempt that went well", replace(GOOD, attempt_is_permanent=True), GREEN),
    ("a permanent mark of a check that went well", replace(GOOD, check_is_permanent=True), GREEN),
    ("paused, nothing waits", replace(GOOD, is_paused=True), GREEN),
    ("paused, one waits", replace(GOOD, is_paused=True, pending=1), WARNING),
    ("paused, only customers unknown there", replace(GOOD, is_paused=True, unknown_customers=5), GREEN),
    ("customers unknown there", replace(GOOD, unknown_customers=500), GREEN),
    ("used up", replace(GOOD, is_used_up=True, pending=1), ERROR),
    ("used up, paused", replace(GOOD, is_used_up=True, pending=1, is_paused=True), ERROR),
    ("used up, failed in passing", replace(GOOD, **TIMEOUT, is_used_up=True, pending=1), ERROR),
    ("one refused", replace(GOOD, failed=1), ERROR),
    ("one refused, paused", replace(GOOD, failed=1, is_paused=True), ERROR),
    ("one refused and nothing was ever sent", replace(NEW, failed=1), ERROR),
    # red whatever its age
    ("used up long ago", replace(failed(999 * DAY), is_used_up=True, pending=1), ERROR),
    ("refused long ago", replace(failed(999 * DAY), failed=1), ERROR),
    ("failed for good long ago", replace(failed(999 * DAY), **WRONG_PASS), ERROR),
    ("failing in passing for long", replace(failed(999 * DAY), **TIMEOUT), WARNING),
]


@pytest.mark.parametrize(
    ("facts", "shown"), [(facts, shown) for _, facts, shown in TABLE], ids=[row[0] for row in TABLE]
)
@pytest.mark.parametrize("periods", [(7, 31), (0, 31), (7, 1), (3650, 3650)], ids=str)
def test_what_is_so_now_counts_whatever_the_periods(facts, shown, periods):
    assert status(facts, NOW, known(*periods)) == shown


PERIODS = [
    # warning, statistics, age of the last error → what is shown
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


@pytest.mark.parametrize(("warning", "statistics", "age", "shown"), PERIODS, ids=str)
def test_a_past_error_is_remembered_for_the_shorter_period(warning, statistics, age, shown):
    assert status(failed(age), NOW, known(warning, statistics)) == shown


@pytest.mark.parametrize(("age", "shown"), [(7 * DAY - MS, WARNING), (7 * DAY, NONE)], ids=str)
def test_a_past_error_of_a_remote_that_was_never_sent_to(age, shown):
    facts = replace(NEW, check_code="ok", last_failure_at=NOW - age)
    assert status(facts, NOW, known()) == shown


ALL = [
    replace(
        GOOD, **attempt, **check, is_paused=paused, is_used_up=used_up, pending=pending, failed=refused, was_sent=sent
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


def test_red_comes_before_orange_before_the_rest():
    """The rules once more, as the product says them, for every mixture."""
    for facts in ALL:
        lasting = facts.attempt_is_permanent or facts.check_is_permanent
        present = "timeout" in (facts.attempt_code, facts.check_code)
        if facts.is_used_up or lasting or facts.failed:
            expected = ERROR
        elif present or (facts.is_paused and facts.pending):
            expected = WARNING
        else:
            expected = GREEN if facts.was_sent else NONE
        assert status(facts, NOW, known(0)) == expected, facts


def test_the_words_are_never_empty_and_never_contradict_the_colour():
    for facts in ALL:
        shown = status(facts, NOW, known())
        said = words(facts, shown, known())
        assert said, facts
        if shown in (ERROR, WARNING):
            assert not said.startswith(("In step.", "Nothing was sent")), facts
        if facts.pending + facts.failed:
            assert f"{facts.pending + facts.failed} movement" in said, facts
            assert "nothing waits" not in said, facts
        assert said.startswith("Paused: nothing is sent until it is resumed.") == facts.is_paused, facts
        if facts.is_paused:
            assert not any(word in said for word in ("on its way", "is asked every", "In step")), facts


@pytest.mark.parametrize(
    ("facts", "parts"),
    [
        (replace(GOOD, **TIMEOUT), ["did not answer in time; is it running?"]),
        (replace(GOOD, **WRONG_PASS, pending=1), ["copy it again", "1 movement waiting."]),
        (replace(GOOD, **BAD_CHECK), ["renew it there"]),
        (replace(GOOD, **TIMEOUT, **BAD_CHECK), ["renew it there"]),
        (replace(GOOD, **SLOW_CHECK), ["did not answer the check"]),
        (
            replace(GOOD, **TIMEOUT, is_used_up=True, pending=2),
            [
                "after 10 attempts",
                "is it running?",
                "every 180 seconds",
                "all that waits is sent",
                "2 movements waiting.",
            ],
        ),
        (replace(GOOD, failed=1), ["1 movement refused", "send again, set aside or correct here"]),
        (replace(GOOD, failed=1234), ["1,234 movements refused"]),
        (replace(GOOD, is_paused=True, pending=3), ["Paused", "until it is resumed", "3 movements waiting."]),
        (replace(GOOD, is_paused=True), ["Paused: nothing is sent until it is resumed."]),
        (
            replace(GOOD, **WRONG_PASS, is_paused=True, pending=1),
            ["Paused: nothing is sent", "copy it again", "1 movement"],
        ),
        (replace(GOOD, failed=1, is_paused=True), ["Paused: nothing is sent", "send again, set aside"]),
        (replace(GOOD, is_paused=True, unknown_customers=2), ["Paused: nothing is sent", "2 movements for customers"]),
        (replace(failed(DAY), is_paused=True), ["Paused: nothing is sent", "remembered"]),
        (failed(DAY), ["In step again", "remembered"]),
        (GOOD, ["In step."]),
        (replace(GOOD, unknown_customers=1), ["In step.", "1 movement for customers unknown there."]),
        (NEW, ["Nothing was sent yet."]),
        (replace(NEW, check_code="ok"), ["Nothing was sent yet; the last check was fine."]),
    ],
)
def test_the_words_say_what_is_so_and_what_to_do(facts, parts):
    said = words(facts, status(facts, NOW, known()), known())
    assert [part for part in parts if part not in said] == []


@pytest.mark.parametrize("facts", [replace(GOOD, pending=5), replace(failed(DAY), pending=5)])
def test_a_remote_with_movements_waiting_is_not_called_in_step(facts):
    assert "In step" not in words(facts, status(facts, NOW, known()), known())


@pytest.mark.parametrize(("code", "shown"), [("timeout", WARNING), ("bad_credentials", ERROR)])
def test_a_failure_without_a_sentence_is_still_called_one(code, shown):
    facts = replace(GOOD, attempt_code=code, attempt_is_permanent=shown == ERROR)
    assert status(facts, NOW, known()) == shown
    assert "fail" in words(facts, shown, known())
