"""System's tabs with something in each list: keys, hooks and admins, some with long names."""

from datetime import timedelta

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.accounts import admins, api_keys, sign_ins
from pointsync.models import HookDelivery
from pointsync.runtime import runtime
from pointsync.woocommerce import hooks
from tests.browser.navigation import NAME, PASSWORD

LONG = "till-of-the-second-shop-" + "x" * 40
ZOE = "Zoë Wiśniewska-Kowalczyk of the shop with the longest name of them all"
LINES = [
    ("order.created", "unused", "The order is pending; points are given once it is completed."),
    ("order.updated", "recorded", "+25 points recorded."),
    ("order.updated", "duplicate", "This was recorded before, so nothing changed."),
    ("action.woocommerce_order_status_completed", "unused", "https://evil.example/" + "z" * 200),
]


@pytest.fixture
def full(app: Flask) -> Flask:
    """A site with keys, hooks and admins, some with long names."""
    with app.app_context(), db.write() as session:
        now = clock.now()
        used, _ = api_keys.create(session, "web-shop", now, scopes=["record", "read"], per_minute=600)
        api_keys.note_use(session, used.id, now)
        api_keys.create(session, LONG, now - timedelta(days=9), expires_at=now - timedelta(days=2))
        vault, more = runtime().vault, {"reserve_key": "default", "now": now}
        hook = hooks.add(session, vault, name="orders", secret="s", rate="0.5", **more)
        hooks.add(session, vault, name=LONG, secret="s", status="processing", **more)
        hook.shop = "https://a-very-long-host-name-that-goes-on-and-on.and-on.example.museum/shop/"
        for number, (topic, outcome, message) in enumerate(LINES):
            facts = {"topic": topic, "outcome": outcome, "message": message}
            session.add(HookDelivery(hook_id=hook.id, received_at=now - timedelta(minutes=9 - number), **facts))
        admins.create(session, ZOE, PASSWORD, now)
    return app


def signed_in_elsewhere(app: Flask) -> None:
    """Both admins in other browsers, too."""
    with app.app_context(), db.write() as session:
        now, zoe, ada = clock.now(), admins.by_name(session, ZOE), admins.by_name(session, NAME)
        sign_ins.begin(session, zoe, now, address="2001:db8:1234:5678:9abc:def0:1234:5678", browser="B" * 40)
        old = {"address": "192.0.2.7", "browser": "Firefox on Linux"}
        sign_ins.begin(session, ada, now - timedelta(days=9), **old)
        other = {"address": "2001:db8::7", "browser": "Samsung Internet on Android"}
        sign_ins.begin(session, ada, now - timedelta(days=8), how="link", **other)
