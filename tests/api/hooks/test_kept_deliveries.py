"""Deliveries that are kept: an admin says whose address it is, or lost movements must come back first."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from pointsync import clock, db
from pointsync.errors import Conflict, NotFound
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.orders import merge_shops, shops
from pointsync.models import KeptDelivery, Site
from pointsync.woocommerce import addresses, hooks, kept, receive
from tests.api.api_clients import ApiClient, HookClient, make_order

ALICE = "alice@example.test"
WWW = "http://www.shop.test/"
AddHook = Callable[..., HookClient]


def run(app: Flask, operation: Callable[[Any], Any]) -> Any:
    with app.app_context():
        return db.run_in_transaction(operation)


def count_kept(app: Flask) -> int:
    """Count what can be counted; how many are left."""
    while run(app, lambda session: receive.count_kept(session, clock.now())):
        pass
    return int(run(app, lambda session: session.scalar(select(func.count()).select_from(KeptDelivery))))


def deliver_from_www(woo: HookClient, topic: str = "order.updated", **fields: Any) -> str:
    body = {"id": fields["id"]} if topic == "order.deleted" else make_order(**fields)
    return woo.deliver(topic, body, X_WC_Webhook_Source=WWW)["outcome"]


def test_what_was_kept_counts_once_the_admin_has_said_that_it_is_the_same_shop(
    app: Flask, add_hook: AddHook, api_client: ApiClient
) -> None:
    woo = add_hook()
    woo.order()
    newer, older = ({"date_modified_gmt": f"2026-11-29T10:00:0{second}"} for second in (5, 4))
    assert deliver_from_www(woo, id=18, total="30.00", **newer) == "kept"
    assert deliver_from_www(woo, id=18, total="20.00", **older) == "kept"
    assert deliver_from_www(woo, id=19) == "kept"
    assert deliver_from_www(woo, "order.deleted", id=19) == "kept"
    assert count_kept(app) == 3, "nobody has answered"
    assert api_client.points(ALICE) == 100
    run(app, lambda session: addresses.accept(session, WWW, clock.now()))
    assert count_kept(app) == 0
    assert api_client.points(ALICE) == 130
    assert deliver_from_www(woo, id=20, total="1.00") == "recorded"
    assert api_client.points(ALICE) == 131


def test_what_was_kept_from_another_shop_is_dropped(app: Flask, add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    woo.order()
    deliver_from_www(woo, id=18)
    assert run(app, lambda session: addresses.reject(session, WWW, clock.now())) == 1
    assert deliver_from_www(woo, id=19) == "unused"
    assert (count_kept(app), api_client.points(ALICE)) == (0, 100)
    with pytest.raises(NotFound):
        run(app, lambda session: addresses.accept(session, WWW, clock.now()))
    with pytest.raises(Conflict, match="pointsync shop merge"):
        run(app, lambda session: addresses.accept(session, WWW, clock.now(), 1))


def test_movements_of_a_plugin_are_kept_as_well(app: Flask, add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook(by_movements=True)
    woo.movement()
    woo.shop = WWW
    for number in (12, 13):
        assert woo.movement(movement_id=number)["outcome"] == "kept"
    run(app, lambda session: addresses.accept(session, WWW, clock.now()))
    assert (count_kept(app), api_client.points(ALICE)) == (0, 33)


def test_orders_wait_while_lost_movements_come_back(app: Flask, add_hook: AddHook, api_client: ApiClient) -> None:
    """And before, until an admin has said that the database was restored."""
    woo = add_hook()
    woo.order()
    run(app, lambda session: setattr(session.get_one(Site, 1), "hold", "It was restored."))
    assert woo.order(refunds=[{"id": 20, "total": "-50.00"}])["outcome"] == "kept"
    assert (count_kept(app), api_client.points(ALICE)) == (1, 100)
    run(app, lambda session: setattr(session.get_one(Site, 1), "hold", None))
    run(app, lambda session: fetch_back.begin(session, clock.now()))
    assert woo.order(refunds=[{"id": 20, "total": "-30.00"}])["outcome"] == "kept"
    assert woo.deliver("order.updated", b"{")["outcome"] == "unused", "what cannot be read is not kept"
    assert (count_kept(app), api_client.points(ALICE)) == (1, 100)
    run(app, fetch_back.finish)
    assert (count_kept(app), api_client.points(ALICE)) == (0, 70)


def remove_hook(app: Flask, name: str = "shop") -> None:
    run(app, lambda session: hooks.remove(session, name, clock.now()))


def list_removed(app: Flask) -> list[tuple[str, int]]:
    """Removed hooks whose kept deliveries nobody receives."""
    with app.app_context():
        return [(hook.name, count) for hook, count in kept.count_of_removed_hooks(db.session())]


@pytest.mark.parametrize("answers_first", [True, False])
def test_what_a_removed_hook_has_kept_is_received_by_the_next_one(
    app: Flask, add_hook: AddHook, api_client: ApiClient, answers_first: bool
) -> None:
    woo = add_hook()
    woo.order()
    deliver_from_www(woo, id=18)
    remove_hook(app)
    if answers_first:
        run(app, lambda session: addresses.accept(session, WWW, clock.now()))
        assert (count_kept(app), list_removed(app)) == (1, [("shop", 1)])
    else:
        assert (count_kept(app), list_removed(app)) == (1, [])
        with app.app_context():
            assert [(name, count) for name, _, count in kept.count_by_address(db.session())] == [("www.shop.test", 1)]
    again = add_hook("again")
    assert count_kept(app) == 1, "nobody knows yet which shop the new hook is for"
    again.order(id=19)
    if not answers_first:
        run(app, lambda session: addresses.accept(session, WWW, clock.now()))
    assert (count_kept(app), list_removed(app)) == (0, [])
    assert api_client.points(ALICE) == 300


def test_hooks_of_other_shops_and_rules_do_not_receive_it(app: Flask, add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    woo.order()
    deliver_from_www(woo, id=18)
    remove_hook(app)
    add_hook("other", shop="http://other.test/").order(id=1)
    run(app, lambda session: addresses.accept(session, WWW, clock.now()))
    assert (count_kept(app), list_removed(app)) == (1, [("shop", 1)])
    assert run(app, lambda session: kept.discard_of_removed(session, "shop")) == 1
    assert (count_kept(app), list_removed(app), api_client.points(ALICE)) == (0, [], 200)
    with pytest.raises(NotFound):
        run(app, lambda session: kept.discard_of_removed(session, "other"))


def test_orders_that_were_kept_while_movements_came_back_wait_for_a_hook_too(
    app: Flask, add_hook: AddHook, api_client: ApiClient
) -> None:
    add_hook("one").order()
    run(app, lambda session: fetch_back.begin(session, clock.now()))
    two = add_hook("two", reserve="default", shop=WWW)
    assert two.order(id=18)["outcome"] == "kept"
    remove_hook(app, "two")
    run(app, fetch_back.finish)
    assert (count_kept(app), list_removed(app)) == (1, [("two", 1)])
    run(app, lambda session: addresses.accept(session, WWW, clock.now(), 1))
    assert (count_kept(app), api_client.points(ALICE)) == (0, 200)


def test_shops_that_are_merged(app: Flask, add_hook: AddHook, api_client: ApiClient) -> None:
    """Two hooks counted the same shop under two addresses."""
    one, two = add_hook("one"), add_hook("two", shop=WWW)
    one.order()
    two.order(total="120.00")
    two.order(id=18, total="5.00")
    assert api_client.points(ALICE) == 225
    assert run(app, lambda session: merge_shops.merge(session, 2, 1, clock.now())) == 1
    assert api_client.points(ALICE) == 105
    two_again = two.order(id=18, total="5.00")
    assert "already counts this shop" in two_again["message"]
    one.order(total="120.00")
    one.order(id=18, total="7.00")
    assert api_client.points(ALICE) == 127
    with app.app_context():
        assert [each.id for each in shops.list_all(db.session())] == [1]
        assert shops.list_addresses(db.session(), 1) == ["shop.test", "www.shop.test"]
