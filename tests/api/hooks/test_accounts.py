"""Deliveries about customers: a signed-in customer's orders belong to the account."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from pointsync import clock, db
from pointsync.models import KeptDelivery
from pointsync.schedule import shop_ticks
from pointsync.woocommerce import kept, receive
from tests.api.api_clients import ApiClient, HookClient, make_order

ALICE, BOB = "alice@example.test", "bob@example.test"
AddHook = Callable[..., HookClient]
Outcomes = Callable[[], list[tuple[str, str]]]
STAGING = "http://staging.shop.test/"


def make_customer(email: Any = BOB, **fields: Any) -> dict[str, Any]:
    """A customer as the shop delivers it."""
    return {"id": 2, "email": email, "role": "customer", "date_modified_gmt": "2026-11-22T19:02:56"} | fields


def run_jobs(app: Flask) -> int:
    """Count what was kept, and move orders; how many deliveries are still kept."""
    with app.app_context():
        while db.run_in_transaction(lambda session: receive.count_kept(session, clock.now())):
            pass
        shop_ticks.move_orders_of_accounts()
        return db.session.scalar(select(func.count()).select_from(KeptDelivery)) or 0


DELIVERIES = [
    ("customer.created", make_customer("old@example.test", date_modified_gmt=None, date_created_gmt="2026-11-01")),
    ("customer.updated", make_customer()),
    ("order.created", make_order(customer_id=2)),
]


@pytest.mark.parametrize("deliveries", list(permutations(DELIVERIES)))
def test_the_order_of_deliveries_does_not_matter(
    app: Flask, add_hook: AddHook, api_client: ApiClient, deliveries: list[tuple[str, Any]]
) -> None:
    woo = add_hook()
    for topic, body in deliveries:
        woo.deliver(topic, body)
    assert run_jobs(app) == 0
    assert (api_client.points(ALICE), api_client.points(BOB)) == (0, 100)
    assert woo.order(id=18, customer_id=2)["outcome"] == "recorded"
    assert woo.order(id=19, customer_id=0)["outcome"] == "recorded"
    assert (api_client.points(ALICE), api_client.points(BOB)) == (100, 200)


def test_an_order_without_an_address_waits_for_its_customer(
    app: Flask, add_hook: AddHook, api_client: ApiClient, hook_outcomes: Outcomes
) -> None:
    woo = add_hook()
    assert woo.order(customer_id=2, billing={"email": ""})["outcome"] == "kept"
    assert woo.order(id=18, customer_id=0, billing={"email": ""})["outcome"] == "unused"
    woo.order(id=19)
    assert run_jobs(app) == 1
    woo.deliver("customer.updated", make_customer())
    assert run_jobs(app) == 0
    assert api_client.points(BOB) == 100
    assert "It is kept, and counted once the shop has delivered the customer" in hook_outcomes()[0][1]


def test_orders_that_wait_for_customers_are_bounded(
    app: Flask, add_hook: AddHook, api_client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MAX_WAITING_FOR_ACCOUNT", 2)
    woo = add_hook()
    for number in (1, 2, 3):
        woo.order(id=number, customer_id=2, billing={"email": ""})
    woo.order(id=4)
    assert run_jobs(app) == 2
    woo.deliver("customer.updated", make_customer())
    assert run_jobs(app) == 0
    assert api_client.points(BOB) == 200


def test_a_customer_of_a_test_copy_counts_only_after_an_answer(
    app: Flask, add_hook: AddHook, api_client: ApiClient
) -> None:
    woo = add_hook()
    answer = woo.deliver("customer.updated", make_customer("copy@example.test"), X_WC_Webhook_Source=STAGING)
    assert answer["outcome"] == "kept"
    woo.order(customer_id=2)
    assert run_jobs(app) == 1
    assert api_client.points(ALICE) == 100
    with app.app_context():
        assert [(address, count) for address, _, count in kept.count_by_address(db.session())] == [
            ("staging.shop.test", 1)
        ]


def test_a_deleted_customer(app: Flask, add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    woo.order(customer_id=2)
    woo.deliver("customer.updated", make_customer())
    run_jobs(app)
    assert "Its orders stay" in woo.deliver("customer.deleted", {"id": 2})["message"]
    assert woo.deliver("customer.deleted", {"id": 2})["outcome"] == "duplicate"
    woo.order(customer_id=0, total="110.00")
    assert (api_client.points(ALICE), api_client.points(BOB)) == (0, 110)


@pytest.mark.parametrize(
    "body", [{"id": 2}, {"id": "x", "email": BOB}, make_customer(""), make_customer("no address"), [], None, 5]
)
def test_a_customer_that_cannot_be_used(app: Flask, add_hook: AddHook, body: Any) -> None:
    woo = add_hook()
    woo.order()
    assert woo.deliver("customer.updated", body)["outcome"] == "unused"


def test_hooks_for_movements_ignore_customers(add_hook: AddHook) -> None:
    assert add_hook(by_movements=True).deliver("customer.updated", make_customer())["outcome"] == "unused"
