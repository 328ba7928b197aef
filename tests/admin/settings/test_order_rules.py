"""System › API keys › Orders: how the orders count that a shop reports by the API."""

from fractions import Fraction

from flask import Flask

from pointsync import clock, db
from pointsync.accounts import api_keys
from pointsync.ledger.orders.rule import OrderRule
from pointsync.woocommerce import hooks
from tests.admin.page_text import field_errors, main_text
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

PAGE = "/system/api-keys"
ADD = f"{PAGE}/orders/add"
VALUES = {"shop": "web-shop", "reserve": "default", "base": "total", "rate": "1/3", "status": "packed, wc-sent"}


def create_key(app: Flask, name: str = "till", shop: str = "web-shop") -> None:
    run_in_transaction(app, lambda session: api_keys.create(session, name, clock.now(), shop=shop))


def test_a_shop_without_a_key_cannot_be_chosen(app: Flask, ada: PanelClient) -> None:
    assert "No shop reports its orders by the API." in main_text(ada.get(PAGE).text)
    run_in_transaction(app, lambda session: api_keys.create(session, "reader", clock.now(), scopes=["read", "record"]))
    assert "There is no shop left to choose" in main_text(ada.get(ADD).text)
    create_key(app)
    assert '<option value="web-shop">' in ada.get(ADD).text
    answer = ada.send(ADD, **VALUES | {"shop": "other"})
    assert answer.status_code == 422
    assert "No API key with the scope shop belongs to a shop" in field_errors(answer.text)["shop"]


def test_errors_are_named_and_what_was_typed_is_kept(app: Flask, ada: PanelClient) -> None:
    create_key(app)
    wrong = [("rate", "0"), ("status", "cancelled"), ("status", " "), ("base", "gross"), ("reserve", "x")]
    for field, value in (*wrong, ("currency", "USD"), ("currency", "USD=0")):
        answer = ada.send(ADD, **VALUES | {field: value})
        assert answer.status_code == 422, field
        assert list(field_errors(answer.text)) == [field]
    assert 'value="1/3"' in answer.text
    assert "No shop reports its orders by the API." in main_text(ada.get(PAGE).text)


def test_other_currencies_have_their_own_rates(app: Flask, ada: PanelClient) -> None:
    create_key(app)
    ada.send(ADD, **VALUES | {"currency": "usd=0.9, GBP=1.2"})
    with app.app_context():
        [hook] = hooks.list_all(db.session())
    rates = OrderRule.from_text(hook.order_rule).rates
    assert rates == {"": Fraction(1, 3), "USD": Fraction(9, 10), "GBP": Fraction(6, 5)}
    create_key(app, "other", "other-shop")
    ada.send(ADD, **VALUES | {"shop": "other-shop", "rate": "", "currency": "USD=0.9"})
    assert "0.9 points per USD" in main_text(ada.get(PAGE).text)


def test_a_rule_is_added_shown_and_removed(app: Flask, ada: PanelClient) -> None:
    create_key(app)
    assert ada.send(ADD, **VALUES).location == f"{PAGE}#orders"
    text = main_text(ada.get(PAGE).text)
    assert "Orders that web-shop reports count in Points now." in text
    assert "1/3 points per unit of the order's total, once packed or sent" in text
    answer = ada.send(ADD, **VALUES)
    assert "reports its orders by the API already" in field_errors(answer.text)["shop"]
    assert "No hooks yet." in main_text(ada.get("/system/woocommerce").text)
    with app.app_context():
        [rule] = hooks.list_all(db.session())
    page = main_text(ada.get(f"/system/woocommerce/{rule.id}").text)
    assert "API keys of the shop web-shop" in page
    assert "Delivery URL" not in page
    path = f"/system/woocommerce/{rule.id}/remove"
    assert "reports by the API are refused from then on" in main_text(ada.get(path).text)
    assert ada.send(path).status_code == 303
    assert "No shop reports its orders by the API." in main_text(ada.get(PAGE).text)
