"""System › WooCommerce: an admin says whose address it is that delivers to a hook; orders that need attention."""

import base64
import hashlib
import hmac
import json

import pytest
from flask import Flask

from pointsync import db
from pointsync.ledger import customers
from pointsync.schedule import recovery_ticks
from pointsync.woocommerce import hooks
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import main_text
from tests.admin.sample_hooks import PAGE, SECRET, create_hook
from tests.support.panel_client import PanelClient

ALICE = "alice@example.test"
ADDRESS = f"{PAGE}/address"


def deliver(app: Flask, order_id: int, shop: str = "https://shop.example/", **fields: object) -> str:
    """Let a shop deliver an order of 100; the outcome."""
    order = {"id": order_id, "status": "completed", "total": "100.00", "line_items": [{"id": 1, "total": "100.00"}]}
    body = json.dumps(order | {"currency": "EUR", "billing": {"email": ALICE}} | fields).encode()
    signature = base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256)).decode()
    headers = {"X-WC-Webhook-Topic": "order.updated", "X-WC-Webhook-Source": shop, "X-WC-Webhook-Signature": signature}
    with app.app_context():
        path = hooks.delivery_url(hooks.list_all(db.session())[0], None)
    return str(app.test_client().post(path, data=body, headers=headers).json["outcome"])


def points(app: Flask) -> int:
    with app.app_context():
        [balance] = customers.list_balances(db.session(), customers.get(db.session(), ALICE))
        return balance.points


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
@pytest.mark.parametrize(("answer", "total"), [("same", 200), ("other", 100)])
def test_an_address_that_waits_for_an_answer(app: Flask, ada: PanelClient, answer: str, total: int) -> None:
    create_hook(app)
    assert deliver(app, 1) == "recorded"
    assert "delivers to the hook" not in main_text(ada.get(PAGE).text)
    assert deliver(app, 2, "https://www.shop.example/") == "kept"
    text = main_text(ada.get(PAGE).text)
    assert "www.shop.example delivers to the hook web-shop, which belongs to https://shop.example/" in text
    assert "1 order waits" in text
    assert ada.send(ADDRESS, PAGE, address="www.shop.example", answer=answer).location == PAGE
    with app.app_context():
        recovery_ticks.count_kept_deliveries()
    assert "delivers to the hook" not in main_text(ada.get(PAGE).text)
    assert points(app) == total


def test_an_answer_about_nothing(app: Flask, ada: PanelClient) -> None:
    create_hook(app)
    assert ada.send(ADDRESS, PAGE, address="x.example", answer="same").location == PAGE
    assert "No delivery from x.example waits" in ada.get(PAGE).text
    assert ada.send(ADDRESS, PAGE).location == PAGE


def test_orders_that_need_attention(app: Flask, ada: PanelClient) -> None:
    create_hook(app)
    deliver(app, 1, order_key="a")
    deliver(app, 1, order_key="b")
    deliver(app, 2, currency="JPY")
    text = main_text(ada.get(PAGE).text)
    assert "Orders in a currency without a rate: 1." in text
    assert "Orders whose id the shop has used again: 1." in text
