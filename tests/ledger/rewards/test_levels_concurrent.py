"""Levels that are reached and created in concurrent transactions."""

from functools import partial

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.record import Draft, record
from pointsync.ledger.rewards import levels
from pointsync.models import Balance, LevelUnlock
from tests.ledger.record_drafts import ANNA, record_one
from tests.ledger.rewards.level_steps import add_level, list_unlocks
from tests.support.apps import get_reserve, run_concurrently
from tests.support.moving_clock import START as NOW

pytestmark = pytest.mark.usefixtures("app")


def test_two_concurrent_movements_that_reach_a_level_unlock_it_once(app):
    add_level()
    record_one(90)

    def shop() -> None:
        db.run_in_transaction(lambda session: record(session, [Draft(ANNA, 10)], "test", NOW))

    def site(number: int) -> None:
        origin = f"wrk_{number:016x}"
        db.run_in_transaction(
            lambda session: apply(session, origin, get_reserve(session), [IncomingMovement("1", ANNA, 10)], NOW)
        )

    run_concurrently(app, *[shop] * 3, *(partial(site, number) for number in range(3)))
    assert list_unlocks() == [(ANNA, "Silver", 10, False)]


def test_nobody_is_missed_by_a_level_that_is_added_while_points_are_earned(app):
    """All customers with enough points have unlocked it: by a movement, or by the job."""
    customers = [f"c{number}@shop.example" for number in range(20)]

    def shop(first: int) -> None:
        for email in customers[first:] + customers[:first]:
            db.run_in_transaction(lambda session, email=email: record(session, [Draft(email, 30)], "test", NOW))

    def admin() -> None:
        number = db.run_in_transaction(
            lambda session: levels.create(session, get_reserve(session), "Silver", "", 60, NOW).id
        )
        while db.run_in_transaction(lambda session: levels.process_batch(session, number, NOW)):
            pass

    run_concurrently(app, *(partial(shop, 5 * number) for number in range(3)), admin)
    with db.transaction() as session:
        above = set(session.scalars(select(Balance.customer_id).where(Balance.points >= 60)))
        assert len(above) == 20
        assert set(session.scalars(select(LevelUnlock.customer_id))) == above


@pytest.mark.parametrize("app", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_a_new_level_and_concurrent_movements_wait_for_each_other(app):
    """Only on PostgreSQL: without the lock, neither transaction would see the other, and a customer would be missed."""

    def sell(session) -> None:
        record(session, [Draft(ANNA, 100)], "test", NOW)

    def add(session) -> None:
        levels.create(session, get_reserve(session), "Silver", "", 100, NOW)

    def change(session) -> None:
        levels.update(session, get_reserve(session), other, "Bronze", "", 100, True)

    with db.transaction() as session:
        other = levels.create(session, get_reserve(session), "Bronze", "", 1000, NOW).id
    for one, another in ((sell, add), (add, sell), (sell, change), (change, sell)):
        with Session(db.get_engine()) as first, Session(db.get_engine()) as second:
            one(first)
            second.execute(text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(OperationalError, match="lock timeout"):
                another(second)


def test_batches_that_unlock_the_same_customers_in_any_order_wait_for_each_other(app):
    emails = [f"c{number}@shop.example" for number in range(12)]
    for title, points in (("Silver", 10), ("Gold", 30)):
        add_level(title, points)

    def site(number: int) -> None:
        turned = emails[number:] + emails[:number]
        batch = [IncomingMovement(str(place + 1), email, 10) for place, email in enumerate(turned)]
        origin = f"wrk_{number:016x}"
        db.run_in_transaction(lambda session: apply(session, origin, get_reserve(session), batch, NOW))

    run_concurrently(app, *(partial(site, number) for number in range(4)))
    assert sorted({(whose, title) for whose, title, _, _ in list_unlocks()}) == sorted(
        (email, title) for email in emails for title in ("Gold", "Silver")
    )
    assert len(list_unlocks()) == 24


def test_control_an_unlock_is_recorded_once():
    """The unique index that the other tests rely on."""
    number = add_level()
    record_one(100)
    with db.transaction() as session:
        [row] = session.execute(select(LevelUnlock.__table__)).mappings()
    with pytest.raises(Exception, match=r"(?i)unique"), db.transaction() as session:
        session.execute(LevelUnlock.__table__.insert(), dict(row))
    assert (len(list_unlocks()), number) == (1, row["level_id"])
