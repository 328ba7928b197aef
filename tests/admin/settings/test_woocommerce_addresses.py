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
from pointsync.sync.site import settings
from pointsync.woocommerce import hooks
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.home.dashboard_page import attention_texts
from tests.admin.page_text import field_errors, main_text
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
    assert "1 delivery waits" in text
    assert "1 delivery waits" in " ".join(attention_texts(ada.get("/").text))
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
    dashboard = " ".join(attention_texts(ada.get("/").text))
    for each in (text, dashboard):
        assert "1 order is in a currency without a rate, so it does not count." in each
        assert "1 order has an id that the shop has used again. Its points are still given." in each


def test_what_a_removed_hook_has_kept(app: Flask, ada: PanelClient) -> None:
    hook_id = create_hook(app)
    deliver(app, 1)
    deliver(app, 2, "https://www.shop.example/")
    ada.send(f"{PAGE}/{hook_id}/remove")
    assert "which belonged to https://shop.example/" in main_text(ada.get(PAGE).text)
    ada.send(ADDRESS, PAGE, address="www.shop.example", answer="same")
    sentence = "1 delivery to the removed hook web-shop waits for another hook of its shop."
    assert sentence in main_text(ada.get(PAGE).text)
    assert sentence in " ".join(attention_texts(ada.get("/").text))
    for name, flashed in (("nobody", "No removed hook named nobody"), ("web-shop", "Discarded deliveries: 1.")):
        assert ada.send(f"{PAGE}/discard", PAGE, name=name).location == PAGE
        assert flashed in ada.get(PAGE).text
    assert "removed hook" not in main_text(ada.get(PAGE).text)


def test_deliveries_that_could_not_be_used_are_dismissed(app: Flask, ada: PanelClient) -> None:
    hook_id = create_hook(app)
    deliver(app, 1, total="much")
    assert "1 delivery to the hook web-shop could not be used." in main_text(ada.get(PAGE).text)
    page = f"{PAGE}/{hook_id}"
    text = main_text(ada.get(page).text)
    assert "Could not be used" in text
    assert text.count("Not used. The total of order 1 is not an amount such as 19.90.") == 2
    assert ada.send(f"{page}/dismiss", page).location == page
    assert "Could not be used" not in main_text(ada.get(page).text)
    assert "could not be used" not in main_text(ada.get(PAGE).text)
    assert ada.send(f"{PAGE}/7/dismiss", PAGE).status_code == 404


@pytest.mark.parametrize(("days", "is_valid"), [("0", True), ("30", True), ("-1", False), ("x", False), ("", False)])
def test_when_a_silent_hook_needs_attention(app: Flask, ada: PanelClient, days: str, is_valid: bool) -> None:
    answer = ada.send(PAGE, hook_silent_days=days)
    assert answer.status_code == (303 if is_valid else 422)
    with app.app_context():
        assert settings.read(db.session()).hook_silent_days == (int(days) if is_valid else 7)
    if not is_valid:
        assert list(field_errors(answer.text)) == ["hook_silent_days"]
        assert f'value="{days}"' in answer.text
