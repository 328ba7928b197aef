"""What needs attention about hooks: deliveries that could not be used, webhooks of a wrong user, silent hooks."""

from datetime import timedelta
from typing import Any

import pytest

from pointsync import db
from pointsync.models import Hook
from pointsync.runtime import get_runtime
from pointsync.woocommerce import hooks, problems, receive
from tests.support.moving_clock import START as NOW

DAY = timedelta(days=1)
CANNOT_VIEW = {"code": "woocommerce_rest_cannot_view", "message": "Sorry.", "data": {"status": 403}}
ORDER = {
    "id": 17,
    "status": "completed",
    "total": "100.00",
    "currency": "EUR",
    "billing": {"email": "anna@shop.example"},
    "line_items": [{"id": 1, "total": "100.00"}],
}
SHOP = "https://shop.example/"


@pytest.fixture
def hook(app) -> int:
    """A hook's id."""
    with db.transaction() as session:
        vault = get_runtime().vault
        return hooks.add(session, vault, name="shop", secret="s", reserve_key="default", now=NOW).id


def deliver(hook_id: int, body: Any = ORDER, topic: str = "order.updated", shop: str = SHOP, at=NOW) -> str:
    with db.transaction() as session:
        hook = session.get_one(Hook, hook_id)
        outcome = receive.receive_delivery(session, hook, topic=topic, shop=shop, body=body, now=at)
        return outcome.message


def list_problems(at=NOW, silent_days: int = 7) -> list[tuple[str, int]]:
    with db.transaction() as session:
        return [(each.code, each.count) for each in problems.list_problems(session, silent_days, at)]


def test_a_webhook_whose_user_may_not_view_orders(hook):
    deliver(hook)
    assert list_problems() == []
    message = deliver(hook, CANNOT_VIEW)
    assert "the user who created this webhook is no longer allowed" in message
    deliver(hook, CANNOT_VIEW, "order.created")
    deliver(hook, topic="order.created")
    with db.transaction() as session:
        [problem] = problems.list_problems(session, 7, NOW)
        assert (problem.code, problem.topics) == ("cannot_view", ["order.updated"])
    assert list_problems(NOW + 5 * DAY)[0][0] == "cannot_view", "until a delivery of that webhook is fine"
    deliver(hook)
    assert list_problems() == []


@pytest.mark.parametrize(
    ("body", "topic"),
    [
        (None, "order.updated"),
        ([], "order.updated"),
        (ORDER | {"total": "much"}, "order.updated"),
        ({"id": 17, "status": "completed", "total": "5.00", "billing": {"email": "a@shop.example"}}, "order.updated"),
        (ORDER, "product.updated"),
        ({"code": "woocommerce_rest_shop_order_invalid_id", "message": ""}, "order.updated"),
        ({"code": "woocommerce_rest_cannot_view"}, "customer.updated"),
    ],
)
def test_deliveries_that_could_not_be_used(hook, body, topic):
    deliver(hook, body, topic)
    [(code, count)] = list_problems(NOW)
    assert (code, count) in (("unusable", 1), ("cannot_view", 0))
    with db.transaction() as session:
        [delivery] = problems.list_deliveries(session, hook, 20, NOW)
        assert delivery.message.endswith(".")
    with db.transaction() as session:
        assert [problems.dismiss(session, hook) for _ in range(2)] == [1, 0]
    assert list_problems() == []


def test_deliveries_that_need_nobody(hook):
    """They are ignored on purpose."""
    deliver(hook)
    deliver(hook, ORDER | {"id": 18, "status": "pending"})
    deliver(hook, ORDER | {"id": 19, "billing": {"email": ""}})
    deliver(hook, ORDER | {"id": 20, "date_created_gmt": "2020-01-01T00:00:00"})
    deliver(hook, {"id": 17}, "order.deleted")
    deliver(hook)
    assert list_problems() == []


def test_what_was_not_used_is_forgotten_after_two_weeks(hook):
    deliver(hook, None)
    deliver(hook, at=NOW + 13 * DAY)
    assert list_problems(NOW + 13 * DAY) == [("unusable", 1)]
    assert list_problems(NOW + 15 * DAY) == []


def test_a_silent_hook(hook):
    assert list_problems(NOW + 7 * DAY) == []
    assert list_problems(NOW + 8 * DAY) == [("silent", 8)]
    deliver(hook, at=NOW + 8 * DAY)
    assert list_problems(NOW + 15 * DAY) == []
    assert list_problems(NOW + 16 * DAY) == [("silent", 8)]
    assert list_problems(NOW + 16 * DAY, silent_days=10) == []
    assert list_problems(NOW + 999 * DAY, silent_days=0) == []
    assert list_problems(NOW - 99 * DAY) == [], "the clock was set back"
    with db.transaction() as session:
        hooks.remove(session, "shop", NOW)
    assert list_problems(NOW + 99 * DAY) == []


def test_orders_and_addresses(hook):
    deliver(hook)
    deliver(hook, ORDER | {"id": 18, "currency": "JPY"})
    deliver(hook, ORDER | {"id": 19}, shop="https://www.shop.example/")
    assert list_problems() == [("address", 1), ("no_rate", 1)]
