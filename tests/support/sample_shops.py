"""WordPress shops in each state, for the pages and commands that show them."""

from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.ledger.orders import shops
from pointsync.models import ConnectedShop, ShopState
from pointsync.runtime import get_runtime
from pointsync.shops import connected_shops, plugin_report
from pointsync.shops.plugin_calls import Caller, exchange
from pointsync.shops.plugin_report import FeedPosition, Outbox, PluginError, PluginReport
from pointsync.sync.site import general
from pointsync.woocommerce import hooks
from tests.support.connected_shops import SITE_URL, VERSIONS, decode

LONG_NAME = "cups-and-saucers-of-the-second-shop-" + "x" * 28
LONG_URL = "https://a-very-long-host-name-that-goes-on-and-on.and-on.example/shops/of/the/north"
STRANGE_MESSAGE = "PointSync did not answer: cURL error 28: " + "x" * 200


def connect(session: Session, name: str, number: int, home_url: str = "", **report: Any) -> ConnectedShop:
    """A shop that has connected and reported."""
    now, state = clock.now(), get_runtime()
    _, code = connected_shops.begin(session, state.vault, state.config, name, now, reserve_key="default")
    caller = Caller(f"{number:032x}", home_url or f"https://{name}.example")
    shop, _ = exchange(session, decode(code)["c"], caller, f"The shop {name}", now)
    plugin_report.store(session, shop, PluginReport(**(VERSIONS | report)), now)
    return shop


def add_samples(app: Flask) -> dict[str, int]:
    """Shops in all states; their ids by name."""
    with app.app_context(), db.transaction() as session:
        now, state = clock.now(), get_runtime()
        general.set_public_url(session, state.config, SITE_URL)
        hour_ago = clock.to_text(now - timedelta(hours=5))
        old_hook = hooks.add(session, state.vault, name="old-hook", secret="s", reserve_key="default", now=now)
        connect(session, "mugs", 1, currency="EUR", hpos=True, coupons_enabled=True)
        connect(
            session,
            LONG_NAME,
            2,
            LONG_URL,
            outbox=Outbox(waiting=1204, failed=3, oldest_at=hour_ago),
            feed=FeedPosition(cursor_at=hour_ago, behind=True),
            errors=[PluginError(code="no_answer", message=STRANGE_MESSAGE, at=clock.to_text(now))],
            plugin_version="0.9",
            coupons_enabled=False,
            double_counting=["Order updated", "Order created"],
        )
        double = connect(session, "plates", 3, woocommerce_version=None)
        rule = connected_shops.find_rule(session, double)
        assert rule is not None
        old_hook.shop_id = rule.shop_id = _add_counted_shop(session)
        silent = connect(session, "bowls", 4)
        session.flush()
        session.execute(
            update(ShopState)
            .where(ShopState.connected_shop_id == silent.id)
            .values(reported_at=now - timedelta(days=9))
        )
        gone = connect(session, "spoons", 5)
        connected_shops.revoke_key(session, gone, now)
        gone.disconnected_at = now
        connect(session, "forks", 6)
        hooks.remove(session, "forks", now)
        revoked = connect(session, "knives", 7)
        connected_shops.revoke_key(session, revoked, now)
        connected_shops.begin(session, state.vault, state.config, "pots", now, reserve_key="default")
        connected_shops.begin(
            session, state.vault, state.config, "pans", now - timedelta(hours=1), reserve_key="default"
        )
        return {each.name: each.id for each in connected_shops.list_all(session)}


def _add_counted_shop(session: Session) -> int:
    return shops.create(session, "plates.example", clock.now()).id
