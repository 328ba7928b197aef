"""A customer's history: newest first, with the origin and the deliveries of each movement."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import InvalidInput
from pointsync.ledger import customers
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.models import Customer, DeliveryState
from pointsync.reports import customer_history
from tests.support.apps import get_reserve
from tests.support.bulk_rows import insert_rows
from tests.support.moving_clock import START as NOW
from tests.support.queries import queries_of
from tests.support.remote_rows import ANNA, AUTH, OTHER_AUTH, add_remote, get_remote, record_points, set_delivery_states
from tests.sync.remote_edits import remove_remote

pytestmark = pytest.mark.usefixtures("app", "gold")


def fetch_page(config, email: str = ANNA, key: str | None = None, **options):
    """Fetch a page of a customer's history."""
    with db.transaction() as session:
        customer = customers.get(session, email)
        reserve = get_reserve(session, key) if key else None
        return customer_history.list_page(session, config, customer, reserve=reserve, **options)


def apply_movements(*incoming: IncomingMovement, origin: str = AUTH) -> None:
    """Apply movements of another site."""
    with db.transaction() as session:
        apply(session, origin, get_reserve(session), incoming, NOW)


def test_newest_first_with_reserve_and_origin(site_config):
    add_remote()
    record_points(10)
    apply_movements(IncomingMovement("1", ANNA, 5))
    apply_movements(IncomingMovement("1", ANNA, 7), origin=OTHER_AUTH)
    record_points(3, reserve="gold")
    with db.transaction() as session:
        get_remote(session, 1).name = "Mug shop"
    rows = fetch_page(site_config).rows
    assert [(row.movement.points, row.movement.balance, row.movement.reserve.key, row.origin_name) for row in rows] == [
        (3, 3, "gold", "Lyon"),
        (7, 22, "default", OTHER_AUTH),
        (5, 15, "default", "Mug shop"),
        (10, 10, "default", "Lyon"),
    ]


def test_each_movement_with_its_deliveries(site_config):
    first, second = add_remote(), add_remote(OTHER_AUTH, url="https://tea.example")
    record_points(10)
    set_delivery_states(first, delivered_at=NOW + timedelta(seconds=1))
    set_delivery_states(second, DeliveryState.FAILED, message="Refused there.")
    record_points(20)
    apply_movements(IncomingMovement("1", ANNA, 5))
    remove_remote(second, drop_count=2)
    received, pending, delivered = fetch_page(site_config).rows
    assert received.deliveries == ()
    assert [(each.remote_name, each.state) for each in pending.deliveries] == [
        ("https://other.example", DeliveryState.PENDING),
        ("https://tea.example", DeliveryState.SET_ASIDE),
    ]
    assert [(each.remote_id, each.state, each.delivered_at, each.message) for each in delivered.deliveries] == [
        (first, DeliveryState.DELIVERED, NOW + timedelta(seconds=1), None),
        (second, DeliveryState.SET_ASIDE, None, "Dropped when its line was deleted."),
    ]


def test_one_customer_and_one_reserve(site_config):
    record_points(1, 2, 3)
    record_points(4, 5, reserve="gold")
    apply_movements(IncomingMovement("1", "bob@shop.example", 9))
    assert [row.movement.points for row in fetch_page(site_config, key="gold").rows] == [5, 4]
    assert [row.movement.points for row in fetch_page(site_config, key="default").rows] == [3, 2, 1]
    assert [row.movement.points for row in fetch_page(site_config, "bob@shop.example").rows] == [9]
    assert fetch_page(site_config, "bob@shop.example", "gold").rows == []


@pytest.mark.parametrize("key", [None, "default"])
def test_paging_and_back(site_config, key):
    record_points(*range(1, 36))
    pages = [fetch_page(site_config, key=key, size=10)]
    while pages[-1].next:
        pages.append(fetch_page(site_config, key=key, size=10, cursor=pages[-1].next))
    assert [row.movement.points for each in pages for row in each.rows] == [*range(35, 0, -1)]
    back = [fetch_page(site_config, key=key, size=10, cursor=pages[-1].previous)]
    while back[-1].previous:
        back.append(fetch_page(site_config, key=key, size=10, cursor=back[-1].previous))
    assert [each.rows[0].movement.points for each in back] == [15, 25, 35]
    assert [row.movement.points for row in fetch_page(site_config, key=key, size=10, cursor="last").rows] == [
        *range(10, 0, -1)
    ]


def test_an_invalid_cursor(site_config):
    record_points(1)
    with pytest.raises(InvalidInput) as refusal:
        fetch_page(site_config, cursor="7")
    assert list(refusal.value.fields) == ["cursor"]


def test_seven_queries_however_long_the_history_is(site_config):
    counts = []
    for movements in (10, 190):
        with db.transaction() as session:
            insert_rows(session, customers=1, movements=movements, remotes=2)
            newest = select(Customer).order_by(Customer.id.desc()).limit(1)
        for cursor in (None, "last"):

            def call(session, newest=newest, cursor=cursor):
                return customer_history.list_page(
                    session, site_config, session.scalars(newest).one(), cursor=cursor, size=80
                )

            counts.append(len(queries_of(call)) - 1)
    assert counts == [7, 7, 7, 7]
