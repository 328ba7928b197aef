"""Several hooks of one shop that is connected for reading, each for a points reserve of its own."""

from collections.abc import Iterator
from typing import Any

import pytest

from pointsync import clock, db
from pointsync.ledger import customers, reserves
from pointsync.models import Hook
from pointsync.schedule import reading_ticks, recovery_ticks
from pointsync.woocommerce.reading import connect
from pointsync.woocommerce.receive import receive_delivery
from tests.site.woocommerce.connected_shops import add_hook
from tests.support.woocommerce_shop import KEY, SECRET, WooCommerceShop, run_shop

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def shop() -> Iterator[WooCommerceShop]:
    with run_shop() as shop:
        yield shop


def deliver(hook_id: int, body: dict[str, Any], shop: WooCommerceShop) -> str:
    def receive(session: Any) -> str:
        hook = session.get_one(Hook, hook_id)
        return receive_delivery(session, hook, topic="order.updated", shop=shop.url, body=body, now=clock.now()).status

    return db.run_in_transaction(receive)


def test_a_second_hook_receives_what_the_shop_answers(shop: WooCommerceShop) -> None:
    db.run_in_transaction(lambda session: reserves.create(session, "bonus", None, clock.now()))
    hooks = [add_hook().id, add_hook("bonus", reserve_key="bonus").id]
    connect.connect(hooks[0], shop.url, KEY, SECRET)
    order = shop.add_order(1)
    assert [deliver(hook_id, order, shop) for hook_id in hooks] == ["recorded", "kept"], "both report the same state"
    reading_ticks.read_shops()
    recovery_ticks.count_kept_deliveries()
    found = customers.list_balances(db.session(), customers.get(db.session(), "alice@example.test"))
    assert {each.reserve: each.points for each in found} == {"default": 100, "bonus": 100}
