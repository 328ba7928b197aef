"""A customer's history: newest first, with where each movement came from and where it went."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Invalid
from pointsync.ledger import customers
from pointsync.ledger.apply import Incoming, apply
from pointsync.models import Customer, State
from pointsync.reports import customer_history
from tests.support.apps import reserve
from tests.support.bulk_rows import fill
from tests.support.moving_clock import START as NOW
from tests.support.queries import asked
from tests.support.remote_rows import ANNA, AUTH, OTHER_AUTH, added, line, settled, sold
from tests.sync.remote_edits import removed

pytestmark = pytest.mark.usefixtures("app", "gold")


def page(here, email: str = ANNA, key: str | None = None, **more):
    """A page of a customer's history."""
    with db.write() as session:
        customer = customers.get(session, email)
        in_reserve = reserve(session, key) if key else None
        return customer_history.page(session, here, customer, reserve=in_reserve, **more)


def received(*incoming: Incoming, origin: str = AUTH) -> None:
    """Movements that another site made."""
    with db.write() as session:
        apply(session, origin, reserve(session), incoming, NOW)


def test_newest_first_with_reserve_and_origin(here):
    added()
    sold(10)
    received(Incoming("1", ANNA, 5))
    received(Incoming("1", ANNA, 7), origin=OTHER_AUTH)
    sold(3, reserve="gold")
    with db.write() as session:
        line(session, 1).name = "Mug shop"
    rows = page(here).rows
    assert [(row.movement.points, row.movement.balance, row.movement.reserve.key, row.origin) for row in rows] == [
        (3, 3, "gold", "Lyon"),
        (7, 22, "default", OTHER_AUTH),
        (5, 15, "default", "Mug shop"),
        (10, 10, "default", "Lyon"),
    ]


def test_each_movement_with_what_became_of_it(here):
    first, second = added(), added(OTHER_AUTH, url="https://tea.example")
    sold(10)
    settled(first, delivered_at=NOW + timedelta(seconds=1))
    settled(second, State.FAILED, message="Refused there.")
    sold(20)
    received(Incoming("1", ANNA, 5))
    removed(second, dropping=2)
    newest, waiting, done = page(here).rows
    assert newest.sent == ()
    assert [(each.remote, each.state) for each in waiting.sent] == [
        ("https://other.example", State.PENDING),
        ("https://tea.example", State.ASIDE),
    ]
    assert [(each.remote_id, each.state, each.delivered_at, each.message) for each in done.sent] == [
        (first, State.DELIVERED, NOW + timedelta(seconds=1), None),
        (second, State.ASIDE, None, "Dropped when its line was deleted."),
    ]


def test_only_one_reserve_and_only_one_customer(here):
    sold(1, 2, 3)
    sold(4, 5, reserve="gold")
    received(Incoming("1", "bob@shop.example", 9))
    assert [row.movement.points for row in page(here, key="gold").rows] == [5, 4]
    assert [row.movement.points for row in page(here, key="default").rows] == [3, 2, 1]
    assert [row.movement.points for row in page(here, "bob@shop.example").rows] == [9]
    assert page(here, "bob@shop.example", "gold").rows == []


@pytest.mark.parametrize("key", [None, "default"])
def test_there_and_back(here, key):
    sold(*range(1, 36))
    pages = [page(here, key=key, size=10)]
    while pages[-1].next:
        pages.append(page(here, key=key, size=10, cursor=pages[-1].next))
    assert [row.movement.points for each in pages for row in each.rows] == [*range(35, 0, -1)]
    back = [page(here, key=key, size=10, cursor=pages[-1].previous)]
    while back[-1].previous:
        back.append(page(here, key=key, size=10, cursor=back[-1].previous))
    assert [each.rows[0].movement.points for each in back] == [15, 25, 35]
    assert [row.movement.points for row in page(here, key=key, size=10, cursor="last").rows] == [*range(10, 0, -1)]


def test_a_broken_cursor(here):
    sold(1)
    with pytest.raises(Invalid) as refusal:
        page(here, cursor="7")
    assert list(refusal.value.fields) == ["cursor"]


def test_five_queries_however_long_it_is(here):
    numbers = []
    for movements in (10, 190):
        with db.write() as session:
            fill(session, customers=1, movements=movements, remotes=2)
            newest = select(Customer).order_by(Customer.id.desc()).limit(1)
        for cursor in (None, "last"):

            def call(session, newest=newest, cursor=cursor):
                return customer_history.page(session, here, session.scalars(newest).one(), cursor=cursor, size=80)

            numbers.append(len(asked(call)) - 1)
    assert numbers == [5, 5, 5, 5]
