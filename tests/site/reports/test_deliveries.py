"""Deliveries, newest first, by every combination of filters."""

from itertools import product

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Invalid, NotFound
from pointsync.models import Customer, Delivery, Movement, State
from pointsync.models.delivery import WAITING
from pointsync.reports import deliveries
from tests.support.bulk_rows import fill
from tests.support.queries import asked
from tests.support.remote_rows import ANNA, OTHER_AUTH, added, owed, settled, sold
from tests.sync.remote_edits import removed

pytestmark = pytest.mark.usefixtures("app")

FILTERS = list(product((None, 1, 2), (None, *deliveries.STATES), (None, "b2@many.example")))


def page(**more):
    """A page of deliveries."""
    with db.write() as session:
        return deliveries.page(session, **more)


def points(**more) -> list[tuple[int, int]]:
    """The lines' ids and the movements' points."""
    return [(row.remote.id, row.movement.points) for row in page(**more).rows]


def test_newest_first_with_all_that_belongs_to_it():
    added()
    added(OTHER_AUTH, url="https://tea.example")
    sold(10, 20)
    assert points() == [(2, 20), (1, 20), (2, 10), (1, 10)]
    row = page().rows[0]
    assert (row.movement.customer.email, row.movement.reserve.key, row.movement.kind) == (ANNA, "default", "earn")
    assert (row.remote.url, row.delivery.state) == ("https://tea.example", "pending")


def test_by_state_remote_and_customer():
    added()
    sold(1)
    settled(1)
    sold(2)
    settled(1, State.FAILED)
    sold(3)
    settled(1, State.UNKNOWN)
    added(OTHER_AUTH)
    sold(4)
    assert points(state="delivered") == [(1, 1)]
    assert points(state="failed") == [(1, 2)]
    assert points(state="waiting") == [(2, 4), (1, 4), (1, 3), (1, 2)]
    assert points(state="waiting", remote_id=1) == [(1, 4), (1, 3), (1, 2)]
    assert points(remote_id=2) == points(remote_id=2, customer=ANNA) == [(2, 4)]
    assert points(customer=" ANNA@Shop.example ", state="unknown") == [(1, 3)]
    assert points(state="aside") == points(remote_id=999) == points(remote_id=999, customer=ANNA) == []
    assert points(remote_id=10**30) == []


def test_what_a_deleted_line_was_owed_is_still_shown():
    added()
    sold(5)
    removed(1, dropping=1)
    assert points() == points(remote_id=1) == points(state="aside") == [(1, 5)]
    assert page().rows[0].remote.deleted_at is not None
    assert owed(1) == []


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("state", "lost", Invalid),
        ("state", "", Invalid),
        ("customer", "nobody", Invalid),
        ("customer", "nobody@shop.example", NotFound),
        ("cursor", "7", Invalid),
        ("size", 7, Invalid),
    ],
)
def test_a_filter_that_cannot_be(field, value, error):
    with pytest.raises(error):
        page(**{field: value})


def expected(session, remote_id, state, customer) -> list[int]:
    """What the filters ask for, found the long way."""
    query = select(Delivery.id).join(Movement, Movement.seq == Delivery.movement_seq)
    if remote_id is not None:
        query = query.where(Delivery.remote_id == remote_id)
    if state is not None:
        query = query.where(Delivery.state.in_(WAITING if state == "waiting" else [state]))
    if customer is None:
        return list(session.scalars(query.order_by(Delivery.id.desc())))
    query = query.join(Customer, Customer.id == Movement.customer_id).where(Customer.email == customer)
    return list(session.scalars(query.order_by(Movement.seq.desc(), Delivery.remote_id.desc())))


def test_each_combination_there_and_back():
    with db.write() as session:
        fill(session, customers=3, movements=230, remotes=3)
        for delivery_id, state in zip(range(1, 400, 5), [*State, *State, *State, *State] * 4, strict=True):
            session.get_one(Delivery, delivery_id).state = state
    for remote_id, state, customer in FILTERS:
        view = {"remote_id": remote_id, "state": state, "customer": customer, "size": 40}
        with db.write() as session:
            wanted = expected(session, remote_id, state, customer)
        pages = [page(**view)]
        while pages[-1].next:
            pages.append(page(cursor=pages[-1].next, **view))
        assert [row.delivery.id for each in pages for row in each.rows] == wanted, view
        back = pages[-1:]
        while back[-1].previous:
            back.append(page(cursor=back[-1].previous, **view))
        assert [[row.delivery.id for row in each.rows] for each in back] == [
            [row.delivery.id for row in each.rows] for each in reversed(pages)
        ], view
        last = page(cursor="last", **view)
        assert [row.delivery.id for row in last.rows] == wanted[-40:], view


def test_three_queries_and_one_more_for_a_customer():
    numbers = []
    for movements in (10, 1_990):
        with db.write() as session:
            fill(session, customers=2, movements=movements, remotes=2)
        for remote_id, state, customer in FILTERS:
            for cursor in (None, "last"):

                def call(session, view=(remote_id, state, customer), cursor=cursor):
                    known = dict(zip(("remote_id", "state", "customer"), view, strict=True))
                    return deliveries.page(session, cursor=cursor, size=80, **known)

                numbers.append(len(asked(call)) - (customer is not None))
    assert set(numbers) == {3}
