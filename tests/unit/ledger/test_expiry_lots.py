"""What is lost on which day: the worked examples, and any sequence of movements against a slow model."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync.ledger.expiry.lots import Change, Loss, losses
from pointsync.ledger.expiry.rule import Rule, period, yearly

ZONE = ZoneInfo("UTC")
LONG_AGO = date(2000, 1, 1)
FIRST = date(2026, 1, 1)
NINE_MONTHS = period("transactional", 9, "months", LONG_AGO)


def on(month: int, day: int, points: int, year: int = 2026, hour: int = 12, *, idle: bool = False) -> Change:
    return Change(datetime(year, month, day, hour, tzinfo=UTC), points, not idle)


def test_the_worked_example() -> None:
    """WooRewards' documentation: 9 months; +300 on 1 January, −50 on the 15th, +100 on 2 February."""
    changes = [on(1, 1, 300), on(1, 15, -50), on(2, 2, 100)]
    assert losses(changes, NINE_MONTHS, ZONE, date(2026, 9, 30)) == []
    assert losses(changes, NINE_MONTHS, ZONE, date(2026, 10, 1)) == [Loss(date(2026, 10, 1), 250)]
    assert losses(changes, NINE_MONTHS, ZONE, date(2027, 1, 1))[1:] == [Loss(date(2026, 11, 2), 100)]


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ([on(1, 1, 100), on(1, 2, 50), on(1, 3, -120)], [(11, 2, 30)]),
        ([on(1, 1, 100), on(10, 31, -100)], []),
        ([on(1, 1, 100), on(11, 1, -100)], [(11, 1, 100)]),
        ([on(1, 1, -30), on(1, 2, 100)], [(11, 2, 70)]),
        ([on(1, 1, -30), on(1, 2, 20), on(1, 3, 20)], [(11, 3, 10)]),
        ([on(1, 1, 10), on(1, 1, 20, hour=13)], [(11, 1, 10), (11, 1, 20)]),
    ],
)
def test_first_in_first_out(changes: list[Change], lost: list[tuple[int, int, int]]) -> None:
    rule = period("transactional", 10, "months", LONG_AGO)
    expected = [Loss(date(2026, month, day), points) for month, day, points in lost]
    assert losses(changes, rule, ZONE, date(2026, 12, 31)) == expected


def test_silence() -> None:
    rule = period("inactivity", 30, "days", LONG_AGO)
    changes = [on(1, 1, 100), on(1, 20, -10), on(2, 18, 5), on(4, 1, 50)]
    assert losses(changes, rule, ZONE, date(2026, 3, 19)) == []
    assert losses(changes, rule, ZONE, date(2026, 12, 31)) == [
        Loss(date(2026, 3, 20), 95),
        Loss(date(2026, 5, 1), 50),
    ]


def test_what_the_customer_did_not_do_breaks_no_silence() -> None:
    rule = period("inactivity", 30, "days", LONG_AGO)
    changes = [on(1, 1, 100), on(1, 25, -10, idle=True)]
    assert losses(changes, rule, ZONE, date(2026, 12, 31)) == [Loss(date(2026, 1, 31), 90)]
    # Where there was nothing, it begins a silence of its own.
    changes = [on(1, 1, 100), on(6, 1, 10, idle=True)]
    assert losses(changes, rule, ZONE, date(2026, 12, 31)) == [Loss(date(2026, 1, 31), 100), Loss(date(2026, 7, 1), 10)]


def test_each_year() -> None:
    rule = yearly(12, 31, LONG_AGO)
    changes = [on(1, 1, 100), on(12, 30, -10), on(12, 31, 7), on(6, 1, -3, year=2027)]
    assert losses(changes, rule, ZONE, date(2030, 1, 1)) == [Loss(date(2026, 12, 31), 90), Loss(date(2027, 12, 31), 4)]


def test_nothing_is_lost_before_the_rule_was_set() -> None:
    rule = period("transactional", 1, "days", date(2026, 6, 1))
    assert losses([on(1, 1, 100)], rule, ZONE, date(2026, 5, 31)) == []
    assert losses([on(1, 1, 100)], rule, ZONE, date(2026, 6, 1)) == [Loss(date(2026, 6, 1), 100)]


steps = st.lists(
    st.tuples(st.integers(0, 20), st.one_of(st.integers(1, 40), st.integers(-40, -1))), min_size=1, max_size=25
)
lengths = st.integers(1, 45)


def dated(steps: list[tuple[int, int]]) -> list[Change]:
    """Each so many days after the one before."""
    day, changes = FIRST, []
    for days, points in steps:
        day += timedelta(days=days)
        changes.append(Change(datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=9), points))
    return changes


def slow(changes: list[Change], days: int, until: date) -> dict[date, int]:
    """The same by single points, day after day."""
    points: list[date] = []
    debt, lost, day = 0, {}, FIRST
    while day <= until:
        gone = sum(end == day for end in points)
        if gone:
            lost[day] = gone
            points = [end for end in points if end != day]
        for change in changes:
            if change.at.date() != day:
                continue
            for _ in range(abs(change.points)):
                if change.points > 0 and debt:
                    debt -= 1
                elif change.points > 0:
                    points.append(day + timedelta(days=days))
                elif points:
                    points.pop(0)
                else:
                    debt += 1
        day += timedelta(days=1)
    return lost


@given(steps, lengths, st.integers(0, 400))
def test_it_is_what_a_slow_model_says(steps: list[tuple[int, int]], days: int, span: int) -> None:
    changes, until = dated(steps), FIRST + timedelta(days=span)
    found: dict[date, int] = {}
    for loss in losses(changes, period("transactional", days, "days", LONG_AGO), ZONE, until):
        found[loss.day] = found.get(loss.day, 0) + loss.points
    assert found == slow([each for each in changes if each.at.date() <= until], days, until)


rules = st.one_of(
    st.builds(period, st.sampled_from(["transactional", "inactivity"]), lengths, st.just("days"), st.just(LONG_AGO)),
    st.builds(yearly, st.integers(1, 12), st.integers(1, 28), st.just(LONG_AGO)),
)


@given(steps, rules)
def test_what_is_lost_and_spent_was_earned(steps: list[tuple[int, int]], rule: Rule) -> None:
    """Where nobody spends more than there is, as the ledger sees to it."""
    kept: list[Change] = []
    for change in dated(steps):
        there = sum(each.points for each in kept)
        there -= sum(loss.points for loss in losses(kept, rule, ZONE, change.at.date()))
        if there + change.points >= 0:
            kept.append(change)
    end = FIRST + timedelta(days=3_000)
    lost = sum(loss.points for loss in losses(kept, rule, ZONE, end))
    earned = sum(change.points for change in kept if change.points > 0)
    spent = -sum(change.points for change in kept if change.points < 0)
    assert lost + spent <= earned
    if rule.kind != "yearly" or kept:
        assert lost + spent == earned, "in the end everything is lost that was not spent"


@given(steps, rules, st.integers(0, 400), st.integers(0, 400))
def test_a_day_later_nothing_of_before_has_changed(
    steps: list[tuple[int, int]], rule: Rule, span: int, more: int
) -> None:
    changes, day = dated(steps), FIRST + timedelta(days=span)
    first, both = losses(changes, rule, ZONE, day), losses(changes, rule, ZONE, day + timedelta(days=more))
    assert both[: len(first)] == first
    assert all(loss.points > 0 for loss in both)
    assert [loss.day for loss in both] == sorted(loss.day for loss in both)
