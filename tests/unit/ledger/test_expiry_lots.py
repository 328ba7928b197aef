"""Which points expire on which day: worked examples, and random movements compared with a slow model."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync.ledger.expiry.lots import Loss, PointsChange, calculate_losses
from pointsync.ledger.expiry.rule import ExpiryRule, make_period_rule, make_yearly_rule

ZONE = ZoneInfo("UTC")
LONG_AGO = date(2000, 1, 1)
FIRST = date(2026, 1, 1)
NINE_MONTHS = make_period_rule("transactional", 9, "months", LONG_AGO)


def make_change(
    month: int, day: int, points: int, year: int = 2026, hour: int = 12, *, idle: bool = False
) -> PointsChange:
    return PointsChange(datetime(year, month, day, hour, tzinfo=UTC), points, not idle)


def test_the_worked_example() -> None:
    """From WooRewards' documentation: 9 months; +300 on 1 January, −50 on the 15th, +100 on 2 February."""
    changes = [make_change(1, 1, 300), make_change(1, 15, -50), make_change(2, 2, 100)]
    assert calculate_losses(changes, NINE_MONTHS, ZONE, date(2026, 9, 30)) == []
    assert calculate_losses(changes, NINE_MONTHS, ZONE, date(2026, 10, 1)) == [Loss(date(2026, 10, 1), 250)]
    assert calculate_losses(changes, NINE_MONTHS, ZONE, date(2027, 1, 1))[1:] == [Loss(date(2026, 11, 2), 100)]


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ([make_change(1, 1, 100), make_change(1, 2, 50), make_change(1, 3, -120)], [(11, 2, 30)]),
        ([make_change(1, 1, 100), make_change(10, 31, -100)], []),
        ([make_change(1, 1, 100), make_change(11, 1, -100)], [(11, 1, 100)]),
        ([make_change(1, 1, -30), make_change(1, 2, 100)], [(11, 2, 70)]),
        ([make_change(1, 1, -30), make_change(1, 2, 20), make_change(1, 3, 20)], [(11, 3, 10)]),
        ([make_change(1, 1, 10), make_change(1, 1, 20, hour=13)], [(11, 1, 10), (11, 1, 20)]),
    ],
)
def test_first_in_first_out(changes: list[PointsChange], lost: list[tuple[int, int, int]]) -> None:
    rule = make_period_rule("transactional", 10, "months", LONG_AGO)
    expected = [Loss(date(2026, month, day), points) for month, day, points in lost]
    assert calculate_losses(changes, rule, ZONE, date(2026, 12, 31)) == expected


def test_silence() -> None:
    rule = make_period_rule("inactivity", 30, "days", LONG_AGO)
    changes = [make_change(1, 1, 100), make_change(1, 20, -10), make_change(2, 18, 5), make_change(4, 1, 50)]
    assert calculate_losses(changes, rule, ZONE, date(2026, 3, 19)) == []
    assert calculate_losses(changes, rule, ZONE, date(2026, 12, 31)) == [
        Loss(date(2026, 3, 20), 95),
        Loss(date(2026, 5, 1), 50),
    ]


def test_movements_the_customer_did_not_cause_are_no_activity() -> None:
    rule = make_period_rule("inactivity", 30, "days", LONG_AGO)
    changes = [make_change(1, 1, 100), make_change(1, 25, -10, idle=True)]
    assert calculate_losses(changes, rule, ZONE, date(2026, 12, 31)) == [Loss(date(2026, 1, 31), 90)]
    # If there were no points, it starts the period.
    changes = [make_change(1, 1, 100), make_change(6, 1, 10, idle=True)]
    assert calculate_losses(changes, rule, ZONE, date(2026, 12, 31)) == [
        Loss(date(2026, 1, 31), 100),
        Loss(date(2026, 7, 1), 10),
    ]


def test_each_year() -> None:
    rule = make_yearly_rule(12, 31, LONG_AGO)
    changes = [
        make_change(1, 1, 100),
        make_change(12, 30, -10),
        make_change(12, 31, 7),
        make_change(6, 1, -3, year=2027),
    ]
    assert calculate_losses(changes, rule, ZONE, date(2030, 1, 1)) == [
        Loss(date(2026, 12, 31), 90),
        Loss(date(2027, 12, 31), 4),
    ]


def test_nothing_is_lost_before_the_rule_was_set() -> None:
    rule = make_period_rule("transactional", 1, "days", date(2026, 6, 1))
    assert calculate_losses([make_change(1, 1, 100)], rule, ZONE, date(2026, 5, 31)) == []
    assert calculate_losses([make_change(1, 1, 100)], rule, ZONE, date(2026, 6, 1)) == [Loss(date(2026, 6, 1), 100)]


steps = st.lists(
    st.tuples(st.integers(0, 20), st.one_of(st.integers(1, 40), st.integers(-40, -1))), min_size=1, max_size=25
)
lengths = st.integers(1, 45)


def with_dates(steps: list[tuple[int, int]]) -> list[PointsChange]:
    """Changes, each some days after the previous one."""
    day, changes = FIRST, []
    for days, points in steps:
        day += timedelta(days=days)
        changes.append(PointsChange(datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=9), points))
    return changes


def model_losses(changes: list[PointsChange], days: int, until: date) -> dict[date, int]:
    """The same, calculated by single points, day by day."""
    points: list[date] = []
    debt, lost, day = 0, {}, FIRST
    while day <= until:
        expired = sum(end == day for end in points)
        if expired:
            lost[day] = expired
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
def test_it_equals_a_slow_model(steps: list[tuple[int, int]], days: int, span: int) -> None:
    changes, until = with_dates(steps), FIRST + timedelta(days=span)
    found: dict[date, int] = {}
    for loss in calculate_losses(changes, make_period_rule("transactional", days, "days", LONG_AGO), ZONE, until):
        found[loss.day] = found.get(loss.day, 0) + loss.points
    assert found == model_losses([each for each in changes if each.at.date() <= until], days, until)


rules = st.one_of(
    st.builds(
        make_period_rule, st.sampled_from(["transactional", "inactivity"]), lengths, st.just("days"), st.just(LONG_AGO)
    ),
    st.builds(make_yearly_rule, st.integers(1, 12), st.integers(1, 28), st.just(LONG_AGO)),
)


@given(steps, rules)
def test_expired_and_spent_points_were_earned(steps: list[tuple[int, int]], rule: ExpiryRule) -> None:
    """If nobody spends more than the balance, as the ledger ensures."""
    kept: list[PointsChange] = []
    for change in with_dates(steps):
        balance = sum(each.points for each in kept)
        balance -= sum(loss.points for loss in calculate_losses(kept, rule, ZONE, change.at.date()))
        if balance + change.points >= 0:
            kept.append(change)
    end = FIRST + timedelta(days=3_000)
    lost = sum(loss.points for loss in calculate_losses(kept, rule, ZONE, end))
    earned = sum(change.points for change in kept if change.points > 0)
    spent = -sum(change.points for change in kept if change.points < 0)
    assert lost + spent <= earned
    if rule.kind != "yearly" or kept:
        assert lost + spent == earned, "in the end, everything that was not spent has expired"


@given(steps, rules, st.integers(0, 400), st.integers(0, 400))
def test_a_day_later_nothing_earlier_has_changed(
    steps: list[tuple[int, int]], rule: ExpiryRule, span: int, more: int
) -> None:
    changes, day = with_dates(steps), FIRST + timedelta(days=span)
    first, both = (
        calculate_losses(changes, rule, ZONE, day),
        calculate_losses(changes, rule, ZONE, day + timedelta(days=more)),
    )
    assert both[: len(first)] == first
    assert all(loss.points > 0 for loss in both)
    assert [loss.day for loss in both] == sorted(loss.day for loss in both)
