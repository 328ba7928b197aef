"""Reading orders from a shop with a key: what changed, what deliveries leave open, and the last 90 days."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import current_app
from sqlalchemy import delete, select

from pointsync import clock, db
from pointsync.ledger import customers
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.models import KeptDelivery, ShopKey, ShopOrder, ShopOrderPoints, Site
from pointsync.schedule import reading_ticks, recovery_ticks
from pointsync.woocommerce import hooks
from pointsync.woocommerce.reading import connect, keys, progress, walk
from pointsync.woocommerce.receive import receive_delivery
from tests.site.woocommerce.connected_shops import add_hook
from tests.support.moving_clock import MovingClock
from tests.support.woocommerce_shop import KEY, SECRET, WooCommerceShop, run_shop

pytestmark = pytest.mark.usefixtures("app")

on_sqlite = pytest.mark.parametrize("app", ["sqlite"], indirect=True)
"""What does not depend on the database."""

ALICE = "alice@example.test"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def time() -> Iterator[MovingClock]:
    moving = MovingClock()
    clock.set_source(moving.now)
    yield moving
    clock.set_source(None)


@pytest.fixture
def shop(time: MovingClock) -> Iterator[WooCommerceShop]:
    """A shop that is connected for reading, with a hook that counts completed orders of any date."""
    with run_shop() as shop:
        hook = add_hook()
        connect.connect(hook.id, shop.url, KEY, SECRET)
        shop.requests.clear()
        yield shop


def read(*, everything: bool = False) -> None:
    """Let the job read the shop until nothing is due."""
    if everything:
        db.run_in_transaction(lambda session: progress.read_soon(session, 1, clock.now(), everything=True))
    reading_ticks.read_shops()


def points(email: str = ALICE) -> int:
    return sum(each.points for each in customers.list_balances(db.session(), customers.get(db.session(), email)))


def row() -> ShopKey:
    found = db.run_in_transaction(lambda session: keys.find(session, 1))
    assert found
    return found


def deliver(body: dict[str, Any], topic: str = "order.updated", *, shop: WooCommerceShop) -> str:
    """Deliver to the hook; the outcome."""

    def receive(session: Any) -> str:
        [hook] = hooks.list_all(session)
        return receive_delivery(session, hook, topic=topic, shop=shop.url, body=body, now=clock.now()).status

    return db.run_in_transaction(receive)


def count_kept() -> int:
    return len(db.session.scalars(select(KeptDelivery)).all())


@on_sqlite
def test_changed_orders_are_read_with_the_lines_of_their_refunds(shop: WooCommerceShop, time: MovingClock) -> None:
    shipping = [{"id": 11, "total": "20.00", "total_tax": "0.00"}]
    shop.add_order(
        1, "120.00", line_items=[{"id": 10, "total": "100.00", "total_tax": "0.00"}], shipping_lines=shipping
    )
    shop.add_order(2, "5.00", status="pending")
    shop.add_refund(1, 50, "20.00", item_id=11, kind="shipping_lines")
    read()
    assert points() == 100, "only shipping was refunded"
    calls = len(shop.requests)
    read()
    assert len(shop.requests) == calls, "nothing is due"
    time.advance(5 * MINUTE)
    shop.add_order(2, "5.00", date_modified_gmt="2026-03-01T11:59:00")
    shop.add_order(1, status="trash", date_modified_gmt="2026-03-01T12:04:00")
    read()
    assert points() == 5
    assert row().last_success_at == time.now()


@on_sqlite
@pytest.mark.parametrize("seconds", [1, 0, None], ids=["each its own second", "all the same second", "some the same"])
def test_no_order_is_left_out_between_pages(
    shop: WooCommerceShop, monkeypatch: pytest.MonkeyPatch, seconds: int | None
) -> None:
    monkeypatch.setattr(walk, "PAGE_SIZES", (4,))
    for number in range(1, 24):
        second = number // 7 if seconds is None else number * seconds
        shop.add_order(number, "1.00", date_modified_gmt=f"2026-03-01T11:30:{second:02}")
    shop.add_order(99, "500.00", status="trash", date_modified_gmt="2026-03-01T11:30:05")
    read()
    assert points() == 23


@on_sqlite
def test_an_order_that_moves_while_pages_are_read_moves_no_other_out_of_sight(
    shop: WooCommerceShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "PAGE_SIZES", (4,))
    for number in range(1, 24):
        shop.add_order(number, "1.00")

    def change_one(_path: str) -> None:
        unchanged = [each for each in shop.orders.values() if "11:30" in each["date_modified_gmt"]]
        for order in unchanged[:1]:
            order["date_modified_gmt"] = "2026-03-01T11:45:00"

    shop.before_answer = change_one
    read()
    assert points() == 23


@on_sqlite
def test_a_reading_goes_on_where_it_was_interrupted(
    shop: WooCommerceShop, time: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "PAGE_SIZES", (4,))
    for number in range(1, 10):
        shop.add_order(number, "1.00", date_modified_gmt=f"2026-03-01T11:30:{number:02}")

    def break_down(path: str) -> None:
        shop.before_answer, shop.answers = None, [(500, "oops")]

    shop.before_answer = break_down
    read()
    assert (row().code, row().failures, row().failing_since) == ("bad_answer", 1, time.now())
    assert points() == 4, "the first page was counted"
    shop.requests.clear()
    read()
    assert not shop.requests, "it is called again later"
    time.advance(timedelta(seconds=30))
    read()
    assert (points(), row().failing_since, row().walk) == (9, None, None)
    assert shop.requests[0][1]["modified_after"] == "2026-03-01T11:30:03"


@on_sqlite
@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        ((401, {"code": "woocommerce_rest_cannot_view", "message": "Sorry"}), "refused_key", "may not view orders"),
        ((403, "<html>Forbidden</html>"), "refused_key", "refuses calls from this site"),
        ((401, {"code": "x", "message": "Invalid timestamp."}), "refused_key", "clock"),
        ((401, "<html>Password</html>"), "bad_answer", "refuses calls from this site"),
        ((200, "<b>Warning</b>:  x in a.php on line 3"), "bad_answer", "PHP error"),
        ((404, "<html>Not found</html>"), "not_woocommerce", "no WooCommerce REST API"),
        ((200, "<html>A page</html>"), "not_woocommerce", "no WooCommerce REST API"),
        ((301, ""), "moved", "redirects"),
        ((503, "Maintenance"), "busy", "busy or in maintenance"),
        ((200, {"an": "object"}), "bad_answer", "did not answer as WooCommerce does"),
        ((200, [{"no": "date"}] * 50), "bad_answer", "without a date"),
    ],
)
def test_a_failing_shop_is_left_alone_for_longer_each_time(
    shop: WooCommerceShop, time: MovingClock, answer: tuple[int, Any], code: str, text: str
) -> None:
    waits = []
    for _ in range(3):
        shop.answers = [answer] * 3
        read()
        assert (row().code, text in (row().message or "")) == (code, True), row().message
        waits.append((row().next_at - time.now()).total_seconds())
        time.advance(row().next_at - time.now())
    assert waits == [30, 60, 120]
    assert SECRET not in (row().message or "")


def test_a_delivery_that_is_not_certainly_newer_is_asked_for(shop: WooCommerceShop, time: MovingClock) -> None:
    order = shop.add_order(1)
    assert deliver(order, shop=shop) == "recorded", "the first report of an order is certain"
    assert deliver(order, shop=shop) == "duplicate", "nothing would change"
    shop.add_order(1, "80.00")
    assert deliver(order | {"total": "70.00", "line_items": [{"id": 10, "total": "70.00"}]}, shop=shop) == "kept"
    assert points() == 100
    time.advance(MINUTE)
    read()
    assert (points(), count_kept()) == (80, 0)
    assert deliver({"id": 1}, "order.deleted", shop=shop) == "kept", "it may be late"
    read()
    assert points() == 80, "the shop still has it"


def test_what_cannot_be_asked_for_counts_as_it_was_delivered(shop: WooCommerceShop, time: MovingClock) -> None:
    order = shop.add_order(1)
    deliver(order, shop=shop)
    shop.key = None
    time.advance(6 * MINUTE)
    assert deliver(order | {"refunds": [{"id": 5, "total": "-30.00"}]}, shop=shop) == "kept"
    read()
    recovery_ticks.count_kept_deliveries()
    assert (row().code, points(), count_kept()) == ("refused_key", 100, 1), "the shop may answer soon"
    time.advance(2 * MINUTE)
    recovery_ticks.count_kept_deliveries()
    assert (points(), count_kept()) == (70, 0)
    time.advance(2 * MINUTE)
    assert deliver(order | {"refunds": []}, shop=shop) == "recorded", "nobody waits for a shop that does not answer"


def test_a_delivery_during_the_question_counts(shop: WooCommerceShop, time: MovingClock) -> None:
    shop.add_order(1)

    def deliver_newer(path: str) -> None:
        shop.before_answer = None
        time.advance(timedelta(seconds=1))
        shop.add_order(1, "60.00")
        with app.app_context():
            deliver(shop.orders[1], shop=shop)

    app = current_app._get_current_object()  # type: ignore[attr-defined]
    shop.before_answer = deliver_newer
    read()
    assert points() == 60, "the answer with 100 was older, and the shop was asked again"


def test_the_night_finds_what_no_delivery_tells(shop: WooCommerceShop, time: MovingClock) -> None:
    for number in (1, 2, 3):
        shop.add_order(number)
    shop.add_refund(3, 7, "40.00", item_id=30)
    read()
    assert points() == 260
    del shop.orders[1]
    shop.orders[2]["status"] = "checkout-draft"  # in no list, but still there
    shop.orders[3]["refunds"], shop.refunds[3] = [], []
    time.advance(timedelta(minutes=30))
    read()
    assert points() == 260, "no order has another date"
    time.advance(DAY)
    read()
    assert points() == 100
    assert row().night_done_at == time.now()
    time.advance(timedelta(hours=1))
    shop.requests.clear()
    read()
    assert not any("after" in params for _, params in shop.requests), "once a night"


@on_sqlite
def test_a_shop_that_was_set_back_counts_as_it_is_now(shop: WooCommerceShop, time: MovingClock) -> None:
    shop.add_order(1, date_modified_gmt="2026-03-01T11:55:00")
    shop.add_order(2)
    read()
    before = dict(shop.orders[1], status="processing", date_modified_gmt="2026-03-01T11:30:00")
    shop.orders = {1: before}
    time.advance(MINUTE)
    assert deliver(before, shop=shop) == "kept", "older than what was seen"
    read(everything=True)
    assert points() == 0


@on_sqlite
def test_many_missing_orders_are_asked_about_before_points_are_taken_back(
    shop: WooCommerceShop, time: MovingClock
) -> None:
    for number in range(1, 22):
        shop.add_order(number, "1.00")
    read()
    orders, shop.orders = shop.orders, {}
    time.advance(DAY)
    read()
    assert (points(), row().code) == (21, "many_missing")
    assert "does not list 21 of 21 orders" in (row().message or "")
    shop.orders = orders
    time.advance(MINUTE)
    read()
    assert (points(), row().code) == (21, None), "the shop's database was the wrong one"
    shop.orders = {}
    for _ in range(2):
        read(everything=True)
    assert (points(), row().code) == (0, None), "an admin has said so"


@on_sqlite
def test_movements_that_came_back_belong_to_orders_that_the_shop_has(shop: WooCommerceShop, time: MovingClock) -> None:
    for number in (1, 2):
        shop.add_order(number)
    read()
    time.advance(MINUTE)
    db.run_in_transaction(lambda session: fetch_back.begin(session, clock.now()))
    db.run_in_transaction(fetch_back.finish)
    for model in (ShopOrderPoints, ShopOrder):  # as in a backup from before the orders
        db.run_in_transaction(lambda session, model=model: session.execute(delete(model)))
    del shop.orders[1]
    time.advance(5 * MINUTE)
    read()
    assert points() == 100, "the shop was restored, too, and has only one of them"


@on_sqlite
def test_nothing_is_read_from_an_earlier_state_of_this_site(shop: WooCommerceShop) -> None:
    shop.add_order(1)
    db.run_in_transaction(lambda session: setattr(session.get_one(Site, 1), "hold", "restored"))
    read()
    db.run_in_transaction(lambda session: setattr(session.get_one(Site, 1), "hold", None))
    db.run_in_transaction(lambda session: fetch_back.begin(session, clock.now()))
    read()
    assert not shop.requests
    db.run_in_transaction(fetch_back.finish)
    read()
    assert points() == 100


@on_sqlite
def test_orders_that_cannot_be_used_stop_nothing(shop: WooCommerceShop) -> None:
    shop.add_order(1, "a lot")
    shop.add_order(2)
    shop.add_order(3, billing={"email": ""})
    shop.add_order(4, billing={"email": ""}, customer_id=7)  # of an account that is not known
    read()
    assert points() == 100


@pytest.mark.parametrize("jump", [timedelta(minutes=30), timedelta(hours=12), timedelta(days=3), timedelta(days=700)])
def test_a_shop_is_read_at_once_after_the_clock_was_ahead(
    shop: WooCommerceShop, time: MovingClock, jump: timedelta
) -> None:
    time.advance(jump)
    read()
    time.advance(-jump)
    shop.add_order(1, "7.00", date_modified_gmt="2026-03-01T11:30:00")  # while this site's clock was wrong
    read()
    assert points() == 7
    shop.requests.clear()
    time.advance(MINUTE)
    read()
    assert not shop.requests, "it waits as always"


@on_sqlite
def test_a_failing_shop_is_read_after_the_clock_was_ahead(shop: WooCommerceShop, time: MovingClock) -> None:
    time.advance(DAY)
    shop.answers = [(500, "oops")] * 3
    read()
    time.advance(-DAY)
    shop.answers.clear()
    shop.add_order(1, "7.00")
    read()
    assert (points(), row().failing_since) == (7, None)
