"""What is worked out again: movements that come late, rules that are changed, and runs on any days."""

from datetime import date, timedelta

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointsync import db
from pointsync.ledger.expiry import expire, rules
from pointsync.ledger.expiry.rule import period
from pointsync.ledger.record import Draft
from pointsync.models import Expiry
from tests.ledger.expiry.expiry_steps import PARIS, SET_ON, expired, is_sound, late, let, midnight, noon, run, run_late
from tests.ledger.record_drafts import ANNA, balance, recorded
from tests.support.apps import empty, reserve, settle_in


def test_a_spend_that_arrives_late_has_the_expiry_worked_out_again(app: Flask) -> None:
    let(period("transactional", 10, "days", SET_ON))
    recorded(Draft(ANNA, 100), now=noon(1, 1))
    run(noon(1, 11))
    assert balance() == 0
    late(-30, noon(1, 5), noon(1, 11))
    assert balance() == -30
    assert run_late(noon(1, 11)) == 1
    assert expired() == [(midnight(1, 11, 1), -100), (noon(1, 11), 30)]
    assert balance() == 0
    assert run_late(noon(1, 11)) == 0
    assert run(noon(1, 12)) == 0
    assert is_sound()


def test_points_that_arrive_late_are_lost_on_the_day_that_was_theirs(app: Flask) -> None:
    let(period("transactional", 10, "days", SET_ON))
    recorded(Draft(ANNA, 100), now=noon(1, 5))
    run(noon(1, 11))
    late(40, noon(1, 1), noon(1, 12))
    assert run(noon(1, 12)) == 1
    assert expired() == [(midnight(1, 11, 1), -40)]
    assert balance() == 100


def test_a_spend_after_the_expiry_leaves_it(app: Flask) -> None:
    let(period("transactional", 10, "days", SET_ON))
    recorded(Draft(ANNA, 100), now=noon(1, 1))
    run(noon(1, 11))
    late(-30, noon(1, 11), noon(1, 12))
    assert run_late(noon(1, 12)) == run(noon(1, 12)) == 0
    assert balance() == -30


def test_what_an_earlier_rule_has_taken_stands(app: Flask) -> None:
    let(period("transactional", 10, "days", SET_ON))
    recorded(Draft(ANNA, 100), Draft(ANNA, 50, at=noon(1, 1)), now=noon(1, 8))
    run(noon(1, 11))
    assert balance() == 100
    let(period("transactional", 12, "months", date(2026, 1, 11)))
    assert run(noon(1, 12)) == 0
    assert balance() == 100
    let(period("transactional", 1, "days", date(2026, 1, 12)))
    assert run(noon(1, 12)) == 1
    assert expired()[1:] == [(midnight(1, 12, 1), -100)]
    assert balance() == 0


def test_the_same_rule_again_changes_nothing(app: Flask) -> None:
    rule = period("transactional", 10, "days", SET_ON)
    let(rule)
    recorded(Draft(ANNA, 100), now=noon(1, 1))
    run(noon(1, 11))
    let(period("transactional", 10, "days", date(2026, 5, 5)))
    with db.write() as session:
        assert session.get_one(Expiry, reserve(session).id).version == 1
        assert rules.get(session, reserve(session)) == rule
    late(-30, noon(1, 5), noon(1, 11))
    run(noon(1, 12))
    assert balance() == 0


def test_switched_off_nothing_is_lost_and_switched_on_again_what_was_lost_stays(app: Flask) -> None:
    let(period("transactional", 10, "days", SET_ON))
    recorded(Draft(ANNA, 100), Draft(ANNA, 7, at=noon(1, 1)), now=noon(1, 5))
    run(noon(1, 11))
    with db.write() as session:
        rules.switch_off(session, reserve(session), date(2026, 1, 12))
    with db.write() as session:
        assert rules.get(session, reserve(session)) is None
        assert expire.due(session, PARIS, noon(1, 30)) == []
        assert expire.expire(session, reserve(session).id, [1], PARIS, noon(1, 30)) == 0
    let(period("transactional", 10, "days", date(2026, 1, 20)))
    run(noon(1, 20))
    assert [points for _, points in expired()] == [-7, -100]
    assert balance() == 0


steps = st.lists(
    st.tuples(st.integers(0, 9), st.integers(-30, 30).filter(bool), st.integers(0, 12)), min_size=1, max_size=8
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.integers(1, 20), st.sets(st.integers(0, 90), max_size=6))
def test_however_often_it_ran_it_comes_to_what_one_run_does(
    app: Flask, steps: list[tuple[int, int, int]], days: int, runs: set[int]
) -> None:
    """Movements come up to twelve days late, from another site, and the job runs on any days, or on one."""
    ends = []
    for ran_on in (runs | {100}, {100}):
        empty()
        settle_in()
        let(period("transactional", days, "days", SET_ON))
        arrivals, day = [], 0
        for number, (gap, points, lateness) in enumerate(steps, start=1):
            day += gap
            arrivals.append((day + lateness, day, points, str(number)))
        todo = sorted([(arrival, 0, each) for arrival, *each in arrivals] + [(at, 1, []) for at in ran_on])
        for at, is_run, each in todo:
            now = noon(1, 1) + timedelta(days=at)
            if is_run:
                run(now)
                assert run(now) == 0
            else:
                made, points, name = each
                late(points, noon(1, 1) + timedelta(days=made), now, name)
        ends.append((balance(), sum(points for _, points in expired())))
        assert is_sound()
    assert ends[0] == ends[1]
