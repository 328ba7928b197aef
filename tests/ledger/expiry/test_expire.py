"""Expiring points, on both databases: recorded once, even if the job is repeated, interrupted or late."""

from datetime import UTC, date, datetime

from flask import Flask
from sqlalchemy import select

from pointsync import db
from pointsync.ledger.expiry import expire
from pointsync.ledger.expiry.lots import Loss
from pointsync.ledger.expiry.rule import make_period_rule, make_yearly_rule
from pointsync.ledger.record import Draft
from pointsync.models import Delivery, Movement
from tests.ledger.expiry.expiry_steps import (
    PARIS,
    RULE_SET_ON,
    expire_movements,
    is_consistent,
    midnight,
    noon,
    run_expiry,
    set_rule,
)
from tests.ledger.record_drafts import ANNA, balance, record_all
from tests.support.apps import get_reserve, run_concurrently


def test_the_worked_example(app: Flask) -> None:
    set_rule(make_period_rule("transactional", 9, "months", RULE_SET_ON))
    for points, now in ((300, noon(1, 1)), (-50, noon(1, 15)), (100, noon(2, 2))):
        record_all(Draft(ANNA, points), now=now)
    assert run_expiry(datetime(2026, 9, 30, 21, 59, tzinfo=UTC)) == 0  # 23:59 in Paris
    assert run_expiry(datetime(2026, 9, 30, 22, 0, tzinfo=UTC)) == 1
    assert expire_movements() == [(midnight(10, 1, 2), -250)]
    assert balance() == 100
    assert run_expiry(noon(10, 1)) == run_expiry(noon(10, 2)) == 0
    assert run_expiry(noon(11, 2)) == 1
    assert balance() == 0
    assert is_consistent()


def test_a_correction_is_of_this_site_and_stays_here(app: Flask) -> None:
    set_rule(make_period_rule("transactional", 1, "days", RULE_SET_ON))
    record_all(Draft(ANNA, 300), now=noon(1, 1))
    run_expiry(noon(1, 2))
    with db.transaction() as session:
        movement = session.scalars(select(Movement).where(Movement.kind == "expire")).one()
        assert (movement.points, movement.balance, movement.reason, movement.below_zero) == (-300, 0, "Expired", False)
        assert movement.recorded_at == noon(1, 2)
        assert session.scalars(select(Delivery).where(Delivery.movement_seq == movement.seq)).all() == []


def test_missed_days_are_caught_up_each_on_its_own_day(app: Flask) -> None:
    set_rule(make_period_rule("transactional", 10, "days", RULE_SET_ON))
    for day in range(1, 6):
        record_all(Draft(ANNA, day), now=noon(1, day))
    assert run_expiry(noon(1, 11)) == 1
    assert run_expiry(noon(1, 14)) == 3
    assert expire_movements() == [
        (midnight(1, 11, 1), -1),
        (midnight(1, 12, 1), -2),
        (midnight(1, 13, 1), -3),
        (midnight(1, 14, 1), -4),
    ]
    assert balance() == 5


def test_daylight_saving_moves_the_time_and_not_the_day(app: Flask) -> None:
    set_rule(make_period_rule("transactional", 1, "days", RULE_SET_ON))
    record_all(
        Draft(ANNA, 10), now=datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
    )  # 28 March, 23:30: a day of 23 hours follows
    assert run_expiry(datetime(2026, 3, 28, 22, 59, tzinfo=UTC)) == 0
    assert run_expiry(datetime(2026, 3, 28, 23, 0, tzinfo=UTC)) == 1
    record_all(Draft(ANNA, 20), now=datetime(2026, 3, 29, 21, 59, tzinfo=UTC))
    assert run_expiry(datetime(2026, 3, 29, 22, 0, tzinfo=UTC)) == 1
    assert [at for at, _ in expire_movements()] == [
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
    ]


def test_a_leap_day(app: Flask) -> None:
    set_rule(make_yearly_rule(2, 29, RULE_SET_ON))
    record_all(Draft(ANNA, 10), now=noon(1, 5))
    run_expiry(noon(2, 28))
    record_all(Draft(ANNA, 20), now=noon(1, 5, 2028))
    assert run_expiry(noon(2, 28, 2028)) == 0
    run_expiry(noon(2, 29, 2028))
    assert expire_movements() == [(midnight(2, 28, 1), -10), (midnight(2, 29, 1, 2028), -20)]


def test_a_reserve_is_due_once_a_day_and_never_while_it_is_not_active(app: Flask) -> None:
    def due(now: datetime) -> bool:
        with db.transaction() as session:
            return bool(expire.list_due_reserves(session, PARIS, now))

    assert not due(noon(1, 1))
    set_rule(make_period_rule("transactional", 10, "days", RULE_SET_ON))
    assert due(noon(1, 1))
    run_expiry(noon(1, 1))
    assert not due(datetime(2026, 1, 1, 22, 59, tzinfo=UTC))
    assert due(datetime(2026, 1, 1, 23, 0, tzinfo=UTC))
    with db.transaction() as session:
        get_reserve(session).is_active = False
    assert not due(noon(1, 5))


def test_runs_at_the_same_time_record_once(app: Flask) -> None:
    set_rule(make_period_rule("transactional", 1, "days", RULE_SET_ON))
    emails = [f"c{number}@shop.example" for number in range(30)]
    record_all(*[Draft(email, 10) for email in emails], now=noon(1, 1))
    with db.transaction() as session:
        reserve_id = get_reserve(session).id
        found, _ = expire.find_overdue_customers(session, reserve_id, 0, PARIS, noon(1, 2))

    def job() -> int:
        return db.run_in_transaction(
            lambda session: expire.expire_customers(session, reserve_id, found, PARIS, noon(1, 2))
        )

    assert sum(run_concurrently(app, job, job, job)) == 30
    assert all(balance(email) == 0 for email in emails)
    assert is_consistent()


def test_more_customers_than_one_transaction_takes(app: Flask) -> None:
    set_rule(make_period_rule("transactional", 1, "days", RULE_SET_ON))
    count = expire.BATCH_SIZE * 2
    record_all(*[Draft(f"c{number}@shop.example", 10) for number in range(count)], now=noon(1, 1))
    assert run_expiry(noon(1, 2)) == count
    assert run_expiry(noon(1, 2)) == 0


def test_losses_by_customer_and_day(app: Flask) -> None:
    record_all(Draft(ANNA, 100), now=noon(1, 1))
    record_all(Draft("bob@shop.example", 5), now=noon(3, 1))
    record_all(Draft("eve@shop.example", 5), Draft("eve@shop.example", -5), now=noon(3, 1))
    rule = make_period_rule("transactional", 30, "days", date(2026, 3, 1))
    with db.transaction() as session:
        found = list(expire.forecast(session, get_reserve(session), rule, PARIS, date(2026, 12, 31)))
        assert found == [
            (ANNA, [Loss(date(2026, 3, 1), 100)]),
            ("bob@shop.example", [Loss(date(2026, 3, 31), 5)]),
        ]
        assert list(expire.forecast(session, get_reserve(session), rule, PARIS, date(2026, 2, 28))) == []
    assert expire_movements() == []
    set_rule(rule)
    run_expiry(noon(3, 1))
    with db.transaction() as session:
        remaining = list(expire.forecast(session, get_reserve(session), rule, PARIS, date(2026, 12, 31)))
    assert remaining == [("bob@shop.example", [Loss(date(2026, 3, 31), 5)])]
