"""Levels that are reached, and added, by several at once."""

from functools import partial

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.record import Draft, record
from pointsync.ledger.rewards import levels
from pointsync.models import Balance, Unlock
from tests.ledger.record_drafts import ANNA, made
from tests.ledger.rewards.level_steps import level, unlocks
from tests.support.apps import reserve, together
from tests.support.moving_clock import START as NOW

pytestmark = pytest.mark.usefixtures("app")


def test_two_movements_that_come_up_to_a_level_at_once_unlock_it_once(app):
    level()
    made(90)

    def shop() -> None:
        db.in_write(lambda session: record(session, [Draft(ANNA, 10)], "test", NOW))

    def site(number: int) -> None:
        origin = f"wrk_{number:016x}"
        db.in_write(lambda session: apply(session, origin, reserve(session), [Incoming("1", ANNA, 10)], NOW))

    together(app, *[shop] * 3, *(partial(site, number) for number in range(3)))
    assert unlocks() == [(ANNA, "Silver", 10, False)]


def test_nobody_is_missed_by_a_level_that_is_added_while_points_are_earned(app):
    """Whoever has its points in the end has reached it: by the movement, or by the job."""
    customers = [f"c{number}@shop.example" for number in range(20)]

    def shop(first: int) -> None:
        for email in customers[first:] + customers[:first]:
            db.in_write(lambda session, email=email: record(session, [Draft(email, 30)], "test", NOW))

    def admin() -> None:
        number = db.in_write(lambda session: levels.add(session, reserve(session), "Silver", "", 60, NOW).id)
        while db.in_write(lambda session: levels.step(session, number, NOW)):
            pass

    together(app, *(partial(shop, 5 * number) for number in range(3)), admin)
    with db.write() as session:
        above = set(session.scalars(select(Balance.customer_id).where(Balance.points >= 60)))
        assert len(above) == 20
        assert set(session.scalars(select(Unlock.customer_id))) == above


@pytest.mark.parametrize("app", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_a_level_and_what_is_recorded_meanwhile_wait_for_each_other(app):
    """On SQLite there is one writer. Here, without that, neither would see the other, and a customer be missed."""

    def sell(session) -> None:
        record(session, [Draft(ANNA, 100)], "test", NOW)

    def add(session) -> None:
        levels.add(session, reserve(session), "Silver", "", 100, NOW)

    def change(session) -> None:
        levels.change(session, reserve(session), other, "Bronze", "", 100, True)

    with db.write() as session:
        other = levels.add(session, reserve(session), "Bronze", "", 1000, NOW).id
    for one, another in ((sell, add), (add, sell), (sell, change), (change, sell)):
        with Session(db.db.engine) as first, Session(db.db.engine) as second:
            one(first)
            second.execute(text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(OperationalError, match="lock timeout"):
                another(second)


def test_batches_that_unlock_the_same_customers_in_any_order_wait_for_each_other(app):
    emails = [f"c{number}@shop.example" for number in range(12)]
    for title, points in (("Silver", 10), ("Gold", 30)):
        level(title, points)

    def site(number: int) -> None:
        turned = emails[number:] + emails[:number]
        batch = [Incoming(str(place + 1), email, 10) for place, email in enumerate(turned)]
        origin = f"wrk_{number:016x}"
        db.in_write(lambda session: apply(session, origin, reserve(session), batch, NOW))

    together(app, *(partial(site, number) for number in range(4)))
    assert sorted({(whose, title) for whose, title, _, _ in unlocks()}) == sorted(
        (email, title) for email in emails for title in ("Gold", "Silver")
    )
    assert len(unlocks()) == 24


def test_control_an_unlock_stands_once():
    """The index that the whole rests on."""
    number = level()
    made(100)
    with db.write() as session:
        [row] = session.execute(select(Unlock.__table__)).mappings()
    with pytest.raises(Exception, match=r"(?i)unique"), db.write() as session:
        session.execute(Unlock.__table__.insert(), dict(row))
    assert (len(unlocks()), number) == (1, row["level_id"])
