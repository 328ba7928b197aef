"""Deliveries, newest first, by every combination of filters."""

from itertools import product

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import InvalidInput, NotFound
from pointsync.models import Customer, Delivery, DeliveryState, Movement
from pointsync.models.delivery import OPEN_STATES
from pointsync.reports import deliveries
from tests.support.bulk_rows import insert_rows
from tests.support.queries import queries_of
from tests.support.remote_rows import (
    ANNA,
    OTHER_AUTH,
    add_remote,
    outstanding_points,
    record_points,
    set_delivery_states,
)
from tests.sync.remote_edits import remove_remote

pytestmark = pytest.mark.usefixtures("app")

FILTERS = list(product((None, 1, 2), (None, *deliveries.STATES), (None, "b2@many.example")))


def fetch_page(**options):
    """Fetch a page of deliveries."""
    with db.transaction() as session:
        return deliveries.list_page(session, **options)


def delivery_rows(**filters) -> list[tuple[int, int]]:
    """List deliveries as (remote id, points of the movement)."""
    return [(row.remote.id, row.movement.points) for row in fetch_page(**filters).rows]


def test_newest_first_with_movement_and_remote():
    add_remote()
    add_remote(OTHER_AUTH, url="https://tea.example")
    record_points(10, 20)
    assert delivery_rows() == [(2, 20), (1, 20), (2, 10), (1, 10)]
    row = fetch_page().rows[0]
    assert (row.movement.customer.email, row.movement.reserve.key, row.movement.kind) == (ANNA, "default", "earn")
    assert (row.remote.url, row.delivery.state) == ("https://tea.example", "pending")


def test_by_state_remote_and_customer():
    add_remote()
    record_points(1)
    set_delivery_states(1)
    record_points(2)
    set_delivery_states(1, DeliveryState.FAILED)
    record_points(3)
    set_delivery_states(1, DeliveryState.UNKNOWN)
    add_remote(OTHER_AUTH)
    record_points(4)
    assert delivery_rows(state="delivered") == [(1, 1)]
    assert delivery_rows(state="failed") == [(1, 2)]
    assert delivery_rows(state="waiting") == [(2, 4), (1, 4), (1, 3), (1, 2)]
    assert delivery_rows(state="waiting", remote_id=1) == [(1, 4), (1, 3), (1, 2)]
    assert delivery_rows(remote_id=2) == delivery_rows(remote_id=2, customer=ANNA) == [(2, 4)]
    assert delivery_rows(customer=" ANNA@Shop.example ", state="unknown") == [(1, 3)]
    assert (
        delivery_rows(state="aside")
        == delivery_rows(remote_id=999)
        == delivery_rows(remote_id=999, customer=ANNA)
        == []
    )
    assert delivery_rows(remote_id=10**30) == []


def test_deliveries_of_a_deleted_remote_are_still_listed():
    add_remote()
    record_points(5)
    remove_remote(1, drop_count=1)
    assert delivery_rows() == delivery_rows(remote_id=1) == delivery_rows(state="aside") == [(1, 5)]
    assert fetch_page().rows[0].remote.deleted_at is not None
    assert outstanding_points(1) == []


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("state", "lost", InvalidInput),
        ("state", "", InvalidInput),
        ("customer", "nobody", InvalidInput),
        ("customer", "nobody@shop.example", NotFound),
        ("cursor", "7", InvalidInput),
        ("size", 7, InvalidInput),
    ],
)
def test_invalid_filters(field, value, error):
    with pytest.raises(error):
        fetch_page(**{field: value})


def expected_rows(session, remote_id, state, customer) -> list[int]:
    """Find the deliveries that match the filters by a plain query."""
    query = select(Delivery.id).join(Movement, Movement.seq == Delivery.movement_seq)
    if remote_id is not None:
        query = query.where(Delivery.remote_id == remote_id)
    if state is not None:
        query = query.where(Delivery.state.in_(OPEN_STATES if state == "waiting" else [state]))
    if customer is None:
        return list(session.scalars(query.order_by(Delivery.id.desc())))
    query = query.join(Customer, Customer.id == Movement.customer_id).where(Customer.email == customer)
    return list(session.scalars(query.order_by(Movement.seq.desc(), Delivery.remote_id.desc())))


def test_each_combination_of_filters_by_page_and_back():
    with db.transaction() as session:
        insert_rows(session, customers=3, movements=230, remotes=3)
        for delivery_id, state in zip(
            range(1, 400, 5), [*DeliveryState, *DeliveryState, *DeliveryState, *DeliveryState] * 4, strict=True
        ):
            session.get_one(Delivery, delivery_id).state = state
    for remote_id, state, customer in FILTERS:
        options = {"remote_id": remote_id, "state": state, "customer": customer, "size": 40}
        with db.transaction() as session:
            expected = expected_rows(session, remote_id, state, customer)
        pages = [fetch_page(**options)]
        while pages[-1].next:
            pages.append(fetch_page(cursor=pages[-1].next, **options))
        assert [row.delivery.id for each in pages for row in each.rows] == expected, options
        back = pages[-1:]
        while back[-1].previous:
            back.append(fetch_page(cursor=back[-1].previous, **options))
        assert [[row.delivery.id for row in each.rows] for each in back] == [
            [row.delivery.id for row in each.rows] for each in reversed(pages)
        ], options
        last = fetch_page(cursor="last", **options)
        assert [row.delivery.id for row in last.rows] == expected[-40:], options


def test_three_queries_and_two_more_for_a_customer():
    counts = []
    for movements in (10, 1_990):
        with db.transaction() as session:
            insert_rows(session, customers=2, movements=movements, remotes=2)
        for remote_id, state, customer in FILTERS:
            for cursor in (None, "last"):

                def call(session, values=(remote_id, state, customer), cursor=cursor):
                    filters = dict(zip(("remote_id", "state", "customer"), values, strict=True))
                    return deliveries.list_page(session, cursor=cursor, size=80, **filters)

                counts.append(len(queries_of(call)) - 2 * (customer is not None))
    assert set(counts) == {3}
