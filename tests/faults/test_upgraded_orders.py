"""A site of version 0.1.0 with orders of a hook is upgraded: its orders are touched, refunded, cancelled and edited."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.old_version import OldSite
from tests.support.process import SiteProcess, call

SECRET = "probe-secret"
SHOP = "https://mugs.example/"


def deliver(hook_url: str, order_id: int, total: str = "119.00", topic: str = "order.updated", **fields: Any) -> str:
    """Let the shop deliver an order of 100 with tax, of a customer of its own; the outcome."""
    order = {
        "id": order_id,
        "status": "completed",
        "currency": "EUR",
        "total": total,
        "line_items": [{"id": order_id, "total": "100.00", "total_tax": "19.00"}],
        "billing": {"email": customer(order_id)},
        "refunds": [],
        "date_created_gmt": "2020-01-01T10:00:00",
    }
    body = json.dumps({"id": order_id} if topic == "order.deleted" else order | fields)
    signature = base64.b64encode(hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).digest()).decode()
    headers = {
        "Content-Type": "application/json",
        "X-WC-Webhook-Source": SHOP,
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Signature": signature,
    }
    answer = call("POST", hook_url, body, headers)
    assert answer.status == 200, answer
    return str(answer.body["outcome"])


def customer(order_id: int) -> str:
    return f"c{order_id}@shop.example"


def refunds(*totals: str, first_id: int = 900) -> list[dict[str, Any]]:
    return [{"id": first_id + number, "total": total} for number, total in enumerate(totals)]


REPORTS: list[tuple[str, list[dict[str, Any]], dict[str, Any], int]] = [
    ("touched", [{}], {}, 119),
    ("refunded before", [{}, {"refunds": refunds("-19.00")}], {"refunds": refunds("-19.00")}, 100),
    ("refunded now", [{}], {"refunds": refunds("-19.00")}, 100),
    ("refunded again", [{"refunds": refunds("-9.50")}], {"refunds": refunds("-9.50", "-9.50")}, 100),
    ("refund deleted", [{"refunds": refunds("-19.00")}], {}, 119),
    ("cancelled", [{}], {"status": "cancelled"}, 0),
    ("refunded and cancelled", [{"refunds": refunds("-19.00")}], {"status": "cancelled"}, 0),
    ("deleted", [{}], {"topic": "order.deleted"}, 0),
    ("edited up", [{}], {"total": "200.99"}, 200),
    ("edited down", [{}], {"total": "50.00"}, 50),
    ("other currency", [{"currency": "JPY"}], {"currency": "JPY"}, 119),
    ("fully refunded", [{}], {"status": "refunded", "refunds": refunds("-119.00")}, 0),
]


@pytest.mark.timeout(300)
def test_each_order_is_worth_what_it_is_worth_now(tmp_path: Path, old_source: Path) -> None:
    with OldSite(tmp_path / "site", old_source) as old:
        hook_url = old.cli("hook", "add", "orders", "--secret", SECRET, "--reserve", "default")["url"]
        for order_id, (_, before, _, _) in enumerate(REPORTS, 1):
            for fields in before:
                assert deliver(hook_url, order_id, **fields) == "recorded"
        port = old.port
        assert old.terminate() == 0
    with SiteProcess(tmp_path / "site", port) as site:
        points_before = [site.cli("balance", customer(each))["balances"] for each in range(1, len(REPORTS) + 1)]
        new_url = site.cli("hook", "add", "again", "--secret", SECRET, "--reserve", "default")["url"]
        for url in (hook_url, hook_url):
            for order_id, (name, _, now, points) in enumerate(REPORTS, 1):
                assert deliver(url, order_id, **now) in ("recorded", "duplicate"), name
                assert points_of(site, order_id) == points, name
        assert points_before[0] == [{"reserve": "default", "points": 119}]
        assert deliver(new_url, 1) == "unused", "the older hook counts this shop"
        site.cli("hook", "remove", "orders")
        for order_id, (name, _, now, points) in enumerate(REPORTS, 1):
            assert deliver(new_url, order_id, **now) in ("recorded", "duplicate"), name
            assert points_of(site, order_id) == points, name
        # New orders count by the rule of the hook: the old one's total, the new one's goods.
        assert deliver(new_url, 100, date_created_gmt=None) == "recorded"
        assert points_of(site, 100) == 100
        assert site.cli("verify")["ok"]


def points_of(site: SiteProcess, order_id: int) -> int:
    return int(site.cli("balance", customer(order_id))["balances"][0]["points"])
