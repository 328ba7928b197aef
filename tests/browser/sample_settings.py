"""Keys, hooks and admins for the tabs of System, some with long names."""

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.accounts import admins, api_keys, sign_ins
from pointsync.models import HookDelivery
from pointsync.runtime import get_runtime
from pointsync.webhooks import endpoints
from pointsync.woocommerce import api_rule, hooks
from tests.browser.navigation import NAME, PASSWORD

LONG_NAME = "till-of-the-second-shop-" + "x" * 40
LONG_ADMIN_NAME = "Zoë Wiśniewska-Kowalczyk of the shop with the longest name of them all"
LAST_ORDER = {
    "id": 17,
    "number": "1042",
    "currency": "EUR",
    "total": "104.90",
    "date_created_gmt": "2026-11-03T10:00:00",
    "line_items": [{"id": 1, "product_id": 12, "total": "84.03", "total_tax": "15.97"}],
    "shipping_lines": [{"id": 2, "total": "4.90", "total_tax": "0.00"}],
}
HOOK_DELIVERIES = [
    ("order.created", "unused", "The order is pending; points are given once it is completed."),
    ("order.updated", "recorded", "+25 points recorded."),
    ("order.updated", "duplicate", "This was recorded before, so nothing changed."),
    ("action.woocommerce_order_status_completed", "unused", "https://evil.example/" + "z" * 200),
]


@pytest.fixture
def filled_settings(app: Flask) -> Flask:
    """A site with keys, hooks and admins, some with long names."""
    with app.app_context(), db.transaction() as session:
        now = clock.now()
        used, _ = api_keys.create(session, "web-shop", now, scopes=["record", "read"], per_minute=600)
        api_keys.save_use(session, used.id, now)
        api_keys.create(session, LONG_NAME, now - timedelta(days=9), expires_at=now - timedelta(days=2))
        vault, more = get_runtime().vault, {"reserve_key": "default", "now": now}
        api_keys.create(session, "plugin", now, shop=LONG_NAME, scopes=["shop"])
        hook = hooks.add(session, vault, name="orders", secret="s", rate="0.5", **more)
        hooks.add(session, vault, name=LONG_NAME, secret="s", status="processing", **more)
        api_rule.add(session, vault, key_shop=LONG_NAME, status=["processing"], **more)
        add_webhooks(session)
        hook.shop = "https://a-very-long-host-name-that-goes-on-and-on.and-on.example.museum/shop/"
        for number, (topic, outcome, message) in enumerate(HOOK_DELIVERIES):
            facts = {"topic": topic, "outcome": outcome, "message": message}
            facts["problem"] = "unusable" if "evil" in message else None
            session.add(HookDelivery(hook_id=hook.id, received_at=now - timedelta(minutes=9 - number), **facts))
        hook.last_order = json.dumps(LAST_ORDER)
        admins.create(session, LONG_ADMIN_NAME, PASSWORD, now)
    return app


def add_webhooks(session: Session) -> None:
    """A webhook in each state."""
    now, fields = (
        clock.now(),
        {"failures": 9, "failing_since": clock.now() - timedelta(days=6), "last_error": "x" * 200},
    )
    states: list[dict[str, Any]] = [{}, {"last_success_at": now}, fields, fields | {"disabled_at": now}]
    for number, values in enumerate(states):
        url = f"https://shop{number}.example/{'points-changed/' * 9 * number}"
        webhook, _ = endpoints.add(session, get_runtime().vault, url, now, shop=LONG_NAME if number else None)
        for name, value in values.items():
            setattr(webhook, name, value)
    session.flush()


def add_other_sign_ins(app: Flask) -> None:
    """Sign both admins in with other browsers."""
    with app.app_context(), db.transaction() as session:
        now, zoe, ada = clock.now(), admins.get_by_name(session, LONG_ADMIN_NAME), admins.get_by_name(session, NAME)
        sign_ins.create(session, zoe, now, address="2001:db8:1234:5678:9abc:def0:1234:5678", browser="B" * 40)
        old = {"address": "192.0.2.7", "browser": "Firefox on Linux"}
        sign_ins.create(session, ada, now - timedelta(days=9), **old)
        other = {"address": "2001:db8::7", "browser": "Samsung Internet on Android"}
        sign_ins.create(session, ada, now - timedelta(days=8), how="link", **other)
