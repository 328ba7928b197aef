"""Expiring, on both databases: recorded once, whatever is run how often, stopped, or comes late."""

from datetime import UTC, date, datetime

from flask import Flask
from sqlalchemy import select

from pointsync import db
from pointsync.ledger.expiry import expire
from pointsync.ledger.expiry.lots import Loss
from pointsync.ledger.expiry.rule import period, yearly
from pointsync.ledger.record import Draft
from pointsync.models import Delivery, Movement
from tests.ledger.expiry.expiry_steps import PARIS, SET_ON, expired, is_sound, let, midnight, noon, run
from tests.ledger.record_drafts import ANNA, balance, recorded
from tests.support.apps import reserve, together


def test_the_worked_example(app: Flask) -> None:
    let(period("transactional", 9, "months", SET_ON))
    for points, now in ((300, noon(1, 1)), (-50, noon(1, 15)), (100, noon(2, 2))):
        recorded(Draft(ANNA, points), now=now)
    assert run(datetime(2026, 9, 30, 21, 59, tzinfo=UTC)) == 0  # 23:59 in Paris
    assert run(datetime(2026, 9, 30, 22, 0, tzinfo=UTC)) == 1
    assert expired() == [(midnight(10, 1, 2), -250)]
    assert balance() == 100
    assert run(noon(10, 1)) == run(noon(10, 2)) == 0
    assert run(noon(11, 2)) == 1
    assert balance() == 0
    assert is_sound()


def test_it_is_of_this_site_and_stays_here(app: Flask) -> None:
    let(period("transactional", 1, "days", SET_ON))
    recorded(Draft(ANNA, 300), now=noon(1, 1))
    run(noon(1, 2))
    with db.write() as session:
        made = session.scalars(select(Movement).where(Movement.kind == "expire")).one()
        assert (made.points, made.balance, made.reason, made.below_zero) == (-300, 0, "Expired", False)
        assert made.recorded_at == noon(1, 2)
        assert session.scalars(select(Delivery).where(Delivery.movement_seq == made.seq)).all() == []


def test_three_days_that_were_missed_are_caught_up_each_on_its_day(app: Flask) -> None:
    let(period("transactional", 10, "days", SET_ON))
    for day in range(1, 6):
        recorded(Draft(ANNA, day), now=noon(1, day))
    assert run(noon(1, 11)) == 1
    assert run(noon(1, 14)) == 3
    assert expired() == [
        (midnight(1, 11, 1), -1),
        (midnight(1, 12, 1), -2),
        (midnight(1, 13, 1), -3),
        (midnight(1, 14, 1), -4),
    ]
    assert balance() == 5


def test_daylight_saving_moves_the_moment_and_not_the_day(app: Flask) -> None:
    let(period("transactional", 1, "days", SET_ON))
    recorded(
        Draft(ANNA, 10), now=datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
    )  # 28 March, 23:30: a day of 23 hours follows
    assert run(datetime(2026, 3, 28, 22, 59, tzinfo=UTC)) == 0
    assert run(datetime(2026, 3, 28, 23, 0, tzinfo=UTC)) == 1
    recorded(Draft(ANNA, 20), now=datetime(2026, 3, 29, 21, 59, tzinfo=UTC))
    assert run(datetime(2026, 3, 29, 22, 0, tzinfo=UTC)) == 1
    assert [at for at, _ in expired()] == [
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
    ]


def test_a_leap_day(app: Flask) -> None:
    let(yearly(2, 29, SET_ON))
    recorded(Draft(ANNA, 10), now=noon(1, 5))
    run(noon(2, 28))
    recorded(Draft(ANNA, 20), now=noon(1, 5, 2028))
    assert run(noon(2, 28, 2028)) == 0
    run(noon(2, 29, 2028))
    assert expired() == [(midnight(2, 28, 1), -10), (midnight(2, 29, 1, 2028), -20)]


def test_a_reserve_is_due_once_a_day_and_never_while_it_is_not_active(app: Flask) -> None:
    def due(now: datetime) -> bool:
        with db.write() as session:
            return bool(expire.due(session, PARIS, now))

    assert not due(noon(1, 1))
    let(period("transactional", 10, "days", SET_ON))
    assert due(noon(1, 1))
    run(noon(1, 1))
    assert not due(datetime(2026, 1, 1, 22, 59, tzinfo=UTC))
    assert due(datetime(2026, 1, 1, 23, 0, tzinfo=UTC))
    with db.write() as session:
        reserve(session).is_active = False
    assert not due(noon(1, 5))


def test_runs_at_the_same_time_record_once(app: Flask) -> None:
    let(period("transactional", 1, "days", SET_ON))
    emails = [f"c{number}@shop.example" for number in range(30)]
    recorded(*[Draft(email, 10) for email in emails], now=noon(1, 1))
    with db.write() as session:
        reserve_id = reserve(session).id
        found, _ = expire.overdue(session, reserve_id, 0, PARIS, noon(1, 2))

    def job() -> int:
        return db.in_write(lambda session: expire.expire(session, reserve_id, found, PARIS, noon(1, 2)))

    assert sum(together(app, job, job, job)) == 30
    assert all(balance(email) == 0 for email in emails)
    assert is_sound()


def test_more_customers_than_one_transaction_takes(app: Flask) -> None:
    let(period("transactional", 1, "days", SET_ON))
    count = expire.AT_ONCE * 2
    recorded(*[Draft(f"c{number}@shop.example", 10) for number in range(count)], now=noon(1, 1))
    assert run(noon(1, 2)) == count
    assert run(noon(1, 2)) == 0


def test_who_would_lose_what_and_when(app: Flask) -> None:
    recorded(Draft(ANNA, 100), now=noon(1, 1))
    recorded(Draft("bob@shop.example", 5), now=noon(3, 1))
    recorded(Draft("eve@shop.example", 5), Draft("eve@shop.example", -5), now=noon(3, 1))
    rule = period("transactional", 30, "days", date(2026, 3, 1))
    with db.write() as session:
        found = list(expire.foresee(session, reserve(session), rule, PARIS, date(2026, 12, 31)))
        assert found == [
            (ANNA, [Loss(date(2026, 3, 1), 100)]),
            ("bob@shop.example", [Loss(date(2026, 3, 31), 5)]),
        ]
        assert list(expire.foresee(session, reserve(session), rule, PARIS, date(2026, 2, 28))) == []
    assert expired() == []
    let(rule)
    run(noon(3, 1))
    with db.write() as session:
        left = list(expire.foresee(session, reserve(session), rule, PARIS, date(2026, 12, 31)))
    assert left == [("bob@shop.example", [Loss(date(2026, 3, 31), 5)])]
