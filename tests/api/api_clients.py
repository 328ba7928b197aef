"""Callers of a site: a shop with an API key, and a WooCommerce shop with a hook."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pointsync import clock, crypto, db
from pointsync.accounts import api_keys

SECRET = "probe-secret"
SHOP = "http://shop.test/"


@dataclass
class ApiClient:
    """A caller with an API key (or another, or none)."""

    client: FlaskClient
    key: str | None

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(f"/api/v1{path}", headers=self.headers, **more)

    def record(self, body: Any = None, **more: Any) -> TestResponse:
        """Post `body` as JSON; other ways of posting go through `more`."""
        more = more or {"json": body}
        return self.client.post("/api/v1/movements", headers=self.headers | more.pop("headers", {}), **more)

    def post(self, path: str, body: Any) -> TestResponse:
        return self.client.post(f"/api/v1{path}", json=body, headers=self.headers)

    def delete(self, path: str) -> TestResponse:
        return self.client.delete(f"/api/v1{path}", headers=self.headers)

    def report(self, *orders: Any, shop: str = SHOP) -> TestResponse:
        """Report orders of a shop."""
        return self.post("/orders", {"shop": shop, "orders": list(orders)})

    def points(self, email: str) -> int:
        """The balance in `default`, 0 for a stranger."""
        answer = self.get(f"/customers/{email}")
        balances = answer.json["balances"] if answer.status_code == 200 else []
        return next((each["points"] for each in balances if each["reserve"] == "default"), 0)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


@dataclass
class HookClient:
    """A WooCommerce shop that delivers to one hook."""

    app: Flask
    name: str = "shop"
    shop: str = SHOP
    secret: str = SECRET
    path: str = ""

    def deliver(self, topic: str, body: Any, **headers: str) -> dict[str, str]:
        """Deliver `body`, signed, and check that the status is 200; the hook's answer."""
        answer = self.post(body if isinstance(body, bytes) else json.dumps(body).encode(), topic, **headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def post(self, raw: bytes, topic: str, **headers: str) -> TestResponse:
        """Deliver these bytes. `headers` replace the shop's own headers; write _ for -."""
        sent = {
            "Content-Type": "application/json",
            "X-WC-Webhook-Topic": topic,
            "X-WC-Webhook-Source": self.shop,
            "X-WC-Webhook-Signature": base64.b64encode(crypto.sign_hmac(self.secret, raw)).decode(),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.app.test_client().post(self.path, data=raw, headers=sent)

    def order(self, **fields: Any) -> dict[str, str]:
        """Deliver an order. Default: Alice's, 100.00, completed."""
        return self.deliver("order.updated", make_order(**fields))

    def movement(self, **fields: Any) -> dict[str, str]:
        """Deliver a movement of the shop's plugin."""
        return self.deliver("action.woocommerce_pointsync_movement", make_movement(**fields))


def make_order(**fields: Any) -> dict[str, Any]:
    """The fields of an order that PointSync reads: one item for the whole total, unless `fields` say otherwise."""
    order = {"id": 17, "status": "completed", "total": "100.00", "billing": {"email": "alice@example.test"}}
    order |= {"refunds": []} | fields
    item = {"id": 1, "product_id": 10, "quantity": 1, "total": order["total"], "total_tax": "0.00"}
    return {"line_items": [item]} | order


def make_movement(**fields: Any) -> dict[str, Any]:
    """A movement of the shop's plugin."""
    moved = {"movement_id": 11, "email": "alice@example.test", "stack": "default", "moved": 11, "total": 26}
    more = {"previous": 15, "reason": "Commercial operation", "origin": "", "order_id": None}
    return {
        "action": "woocommerce_pointsync_movement",
        "arg": moved | more | {"date": "2026-01-22 19:04:44"} | fields,
    }


def make_refund(refund_id: int, total: str) -> dict[str, Any]:
    """A refund in an order's list of refunds."""
    return {"id": refund_id, "reason": "one mug back", "total": total}


def create_api_client(app: Flask, name: str = "web-shop") -> ApiClient:
    """A caller of the shop `name`, with a new key of the same name."""
    with app.app_context():
        _, key = db.run_in_transaction(lambda session: api_keys.create(session, name, clock.now(), shop=name))
    return ApiClient(app.test_client(), key)
