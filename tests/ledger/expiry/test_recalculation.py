"""Recalculation: late movements, changed rules, and runs on any days."""

from datetime import date, timedelta

from flask import Flask
from hypothesis import strategies as st

from pointsync import db
from pointsync.ledger.expiry import expire, rules
from pointsync.ledger.expiry.rule import make_period_rule
from pointsync.ledger.record import Draft
from pointsync.models import ExpirySettings
from tests.ledger.expiry.expiry_steps import (
    PARIS,
    RULE_SET_ON,
    apply_late,
    expire_movements,
    is_consistent,
    midnight,
    noon,
    run_expiry,
    run_late_expiry,
    set_rule,
)
from tests.ledger.record_drafts import ANNA, balance, record_all
from tests.support.apps import create_site, delete_all_rows, get_reserve
from tests.support.hypothesis_profile import given_on_each_database


def test_a_spend_that_arrives_late_recalculates_the_expiry(app: Flask) -> None:
    set_rule(make_period_rule("transactional", 10, "days", RULE_SET_ON))
    record_all(Draft(ANNA, 100), now=noon(1, 1))
    run_expiry(noon(1, 11))
    assert balance() == 0
    apply_late(-30, noon(1, 5), noon(1, 11))
    assert balance() == -30
    assert run_late_expiry(noon(1, 11)) == 1
    assert expire_movements() == [(midnight(1, 11, 1), -100), (noon(1, 11), 30)]
    assert balance() == 0
    assert run_late_expiry(noon(1, 11)) == 0
    assert run_expiry(noon(1, 12)) == 0
    assert is_consistent()


def test_points_that_arrive_late_expire_on_their_own_day(app: Flask) -> None:
    set_rule(make_period_rule("transactional", 10, "days", RULE_SET_ON))
    record_all(Draft(ANNA, 100), now=noon(1, 5))
    run_expiry(noon(1, 11))
    apply_late(40, noon(1, 1), noon(1, 12))
    assert run_expiry(noon(1, 12)) == 1
    assert expire_movements() == [(midnight(1, 11, 1), -40)]
    assert balance() == 100


def test_a_spend_after_the_expiry_leaves_it(app: Flask) -> None:
    set_rule(make_period_rule("transactional", 10, "days", RULE_SET_ON))
    record_all(Draft(ANNA, 100), now=noon(1, 1))
    run_expiry(noon(1, 11))
    apply_late(-30, noon(1, 11), noon(1, 12))
    assert run_late_expiry(noon(1, 12)) == run_expiry(noon(1, 12)) == 0
    assert balance() == -30


def test_points_expired_by_an_earlier_rule_stay_expired(app: Flask) -> None:
    set_rule(make_period_rule("transactional", 10, "days", RULE_SET_ON))
    record_all(Draft(ANNA, 100), Draft(ANNA, 50, at=noon(1, 1)), now=noon(1, 8))
    run_expiry(noon(1, 11))
    assert balance() == 100
    set_rule(make_period_rule("transactional", 12, "months", date(2026, 1, 11)))
    assert run_expiry(noon(1, 12)) == 0
    assert balance() == 100
    set_rule(make_period_rule("transactional", 1, "days", date(2026, 1, 12)))
    assert run_expiry(noon(1, 12)) == 1
    assert expire_movements()[1:] == [(midnight(1, 12, 1), -100)]
    assert balance() == 0


def test_the_same_rule_again_changes_nothing(app: Flask) -> None:
    rule = make_period_rule("transactional", 10, "days", RULE_SET_ON)
    set_rule(rule)
    record_all(Draft(ANNA, 100), now=noon(1, 1))
    run_expiry(noon(1, 11))
    set_rule(make_period_rule("transactional", 10, "days", date(2026, 5, 5)))
    with db.transaction() as session:
        assert session.get_one(ExpirySettings, get_reserve(session).id).version == 1
        assert rules.get_rule(session, get_reserve(session)) == rule
    apply_late(-30, noon(1, 5), noon(1, 11))
    run_expiry(noon(1, 12))
    assert balance() == 0


def test_disabled_nothing_expires_and_enabled_again_expired_points_stay_expired(app: Flask) -> None:
    set_rule(make_period_rule("transactional", 10, "days", RULE_SET_ON))
    record_all(Draft(ANNA, 100), Draft(ANNA, 7, at=noon(1, 1)), now=noon(1, 5))
    run_expiry(noon(1, 11))
    with db.transaction() as session:
        rules.disable(session, get_reserve(session), date(2026, 1, 12))
    with db.transaction() as session:
        assert rules.get_rule(session, get_reserve(session)) is None
        assert expire.list_due_reserves(session, PARIS, noon(1, 30)) == []
        assert expire.expire_customers(session, get_reserve(session).id, [1], PARIS, noon(1, 30)) == 0
    set_rule(make_period_rule("transactional", 10, "days", date(2026, 1, 20)))
    run_expiry(noon(1, 20))
    assert [points for _, points in expire_movements()] == [-7, -100]
    assert balance() == 0


steps = st.lists(
    st.tuples(st.integers(0, 9), st.integers(-30, 30).filter(bool), st.integers(0, 12)), min_size=1, max_size=8
)


@given_on_each_database(steps, st.integers(1, 20), st.sets(st.integers(0, 90), max_size=6), max_examples=25)
def test_repeated_runs_give_the_result_of_one_run(
    app: Flask, steps: list[tuple[int, int, int]], days: int, runs: set[int]
) -> None:
    """Movements of another site arrive up to twelve days late, and the job runs on some days, or only on the last."""
    ends = []
    for ran_on in (runs | {100}, {100}):
        delete_all_rows()
        create_site()
        set_rule(make_period_rule("transactional", days, "days", RULE_SET_ON))
        arrivals, day = [], 0
        for number, (gap, points, lateness) in enumerate(steps, start=1):
            day += gap
            arrivals.append((day + lateness, day, points, str(number)))
        todo = sorted([(arrival, 0, each) for arrival, *each in arrivals] + [(at, 1, []) for at in ran_on])
        for at, is_run, each in todo:
            now = noon(1, 1) + timedelta(days=at)
            if is_run:
                run_expiry(now)
                assert run_expiry(now) == 0
            else:
                happened_on, points, name = each
                apply_late(points, noon(1, 1) + timedelta(days=happened_on), now, name)
        ends.append((balance(), sum(points for _, points in expire_movements())))
        assert is_consistent()
    assert ends[0] == ends[1]
