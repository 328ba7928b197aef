"""The form of a hook: all choices of the rule, changing them, and the example of what the last order gives."""

import json
import re
from fractions import Fraction
from typing import Any

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.ledger.orders.rule import OrderRule
from pointsync.models import Hook
from pointsync.runtime import get_runtime
from pointsync.woocommerce import hooks, receive
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors, main_text
from tests.admin.sample_hooks import PAGE, SECRET, create_hook
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

ADD = f"{PAGE}/add"
EDIT = f"{PAGE}/1/edit"
NEW = {"name": "web-shop", "reserve": "default", "rule": "orders", "rate": "1", "status": "completed"}
RARE = {
    "base": "goods+tax",
    "other_statuses": "picked-up",
    "currency": "USD=0.9, gbp=1/3",
    "since": "day",
    "since_day": "2026-01-31",
    "minimum": "20 USD=25.50",
    "exclude_product": "12, 9",
    "child_orders": "y",
}
ORDER = {
    "id": 17,
    "number": "1042",
    "status": "processing",
    "currency": "EUR",
    "total": "104.90",
    "date_created_gmt": "2026-11-03T10:00:00",
    "billing": {"email": "anna@shop.example"},
    "line_items": [
        {"id": 1, "product_id": 12, "total": "60.00", "total_tax": "11.40"},
        {"id": 2, "product_id": 13, "total": "24.03", "total_tax": "4.57"},
    ],
    "shipping_lines": [{"id": 3, "total": "4.12", "total_tax": "0.78"}],
}


def rule_of(app: Flask) -> OrderRule:
    with app.app_context():
        return OrderRule.from_text(db.session.get_one(Hook, 1).order_rule)


def deliver(app: Flask, **fields: Any) -> None:
    """Let the shop deliver an order to the first hook."""

    def run(session: Any) -> None:
        values = {"topic": "order.updated", "shop": "https://shop.example/", "now": clock.now()}
        receive.receive_delivery(session, session.get_one(Hook, 1), body=ORDER | fields, **values)

    run_in_transaction(app, run)


def form_values(text: str) -> dict[str, str]:
    """What a page's form would send, without its buttons."""
    form = text.partition("data-sheet-form")[2].partition("</form>")[0]
    values = {}
    for tag in re.findall(r"<input [^>]+>", form):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attributes.get("type") not in ("radio", "checkbox") or " checked" in tag:
            values[attributes["name"]] = attributes.get("value", "")
    for name, options in re.findall(r'<select [^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        [values[name]] = (
            re.findall(r'<option selected value="([^"]*)"', options) or re.findall(r'value="([^"]*)"', options)[:1]
        )
    return values


def example(text: str) -> str:
    found = re.search(r"<output[^>]*>(.*?)</output>", text)
    assert found
    return found[1]


def test_all_choices(app: Flask, ada: PanelClient) -> None:
    assert ada.send(ADD, **(NEW | RARE)).status_code == 201
    rule = rule_of(app)
    assert (rule.base, rule.statuses) == ("goods+tax", ("completed", "picked-up"))
    assert rule.rates == {"": 1, "USD": Fraction(9, 10), "GBP": Fraction(1, 3)}
    assert rule.minimums == {"": 20, "USD": Fraction(51, 2)}
    assert (rule.excluded_products, rule.counts_children) == ({9, 12}, True)
    assert rule.counts_from
    assert f"{rule.counts_from:%Y-%m-%d}" in ("2026-01-30", "2026-01-31")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"status": ["processing"]},
        {"status": ["picked-up"]},
        {"counts_all": True},
        {"rate": None, "currencies": {"USD": "1/3", "EUR": "2"}},
        {
            "base": "total",
            "rate": "0.000001",
            "status": ["processing", "completed", "x"],
            "counts_from": clock.from_text("2026-01-31T15:30:00Z"),
            "minimums": {"": "19.90"},
            "excluded_products": ["12", "7"],
            "counts_children": True,
        },
    ],
)
def test_the_form_shows_the_rule_and_saving_it_changes_nothing(
    app: Flask, ada: PanelClient, options: dict[str, Any]
) -> None:
    create_hook(app, **options)
    before = rule_of(app)
    text = ada.get(EDIT).text
    assert "Orders that have counted keep the rule by which they did." in text
    assert ada.post(EDIT, form_values(text)).location == PAGE
    assert rule_of(app) == before


def test_a_change(app: Flask, ada: PanelClient) -> None:
    create_hook(app)
    values = form_values(ada.get(EDIT).text) | {"rate": "2", "minimum": "20", "secret": " new secret "}
    assert ada.post(EDIT, values).location == PAGE
    rule = rule_of(app)
    assert (rule.rates, rule.minimums) == ({"": 2}, {"": 20})
    with app.app_context():
        assert get_runtime().vault.decrypt(db.session.get_one(Hook, 1).sealed_secret) == "new secret"
    assert "2 points per unit of the goods without tax and shipping" in main_text(ada.get(PAGE).text)


def test_a_change_of_another_admin_is_not_overwritten(app: Flask, ada: PanelClient) -> None:
    create_hook(app)
    values = form_values(ada.get(EDIT).text) | {"minimum": "20"}
    ada.post(EDIT, form_values(ada.get(EDIT).text) | {"minimum": "30"})
    answer = ada.post(EDIT, values)
    assert answer.status_code == 422
    assert "changed to" in field_errors(answer.text)["minimum"]
    assert rule_of(app).minimums == {"": 30}


def test_a_hook_for_movements_has_only_a_secret_to_change(app: Flask, ada: PanelClient) -> None:
    create_hook(app, by_movements=True)
    text = ada.get(EDIT).text
    assert "More options" not in text
    assert ada.send(EDIT, secret="another").location == PAGE
    with app.app_context():
        hook = db.session.get_one(Hook, 1)
        assert (get_runtime().vault.decrypt(hook.sealed_secret), hook.order_rule) == ("another", None)


@pytest.mark.parametrize("path", [ADD, EDIT])
@pytest.mark.parametrize(
    ("submitted", "field"),
    [
        ({"base": "net"}, "base"),
        ({"other_statuses": "pending"}, "other_statuses"),
        ({"status": "other"}, "other_statuses"),
        ({"status": "x"}, "status"),
        ({"currency": "USD"}, "currency"),
        ({"currency": "USD=x"}, "currency"),
        ({"since": "x"}, "since"),
        ({"since": "day", "since_day": ""}, "since_day"),
        ({"since": "day", "since_day": "31.1.2026"}, "since_day"),
        ({"minimum": "-1"}, "minimum"),
        ({"exclude_product": "mug"}, "exclude_product"),
        ({"rate": "0"}, "rate"),
    ],
)
def test_errors_keep_what_was_typed(
    app: Flask, ada: PanelClient, path: str, submitted: dict[str, str], field: str
) -> None:
    create_hook(app, "other")
    before = rule_of(app)
    answer = ada.send(path, **(NEW | submitted))
    assert answer.status_code == 422
    assert list(field_errors(answer.text)) == [field]
    kept = form_values(answer.text)
    assert all(kept[name] == value for name, value in submitted.items() if name in ("currency", "minimum", "rate"))
    is_rare = field not in ("rate", "status")
    assert ('<details class="more-options" open>' in answer.text) == (is_rare or len(submitted) > 1)
    assert rule_of(app) == before


def test_without_an_order_the_example_is_a_sample(ada: PanelClient) -> None:
    assert example(ada.get(ADD).text) == (
        "A sample, as no order was received yet: goods 84.03, their tax 15.97, shipping 4.90, total 104.90 → 84 points."
    )


@pytest.mark.parametrize(
    ("typed", "points"),
    [
        ({}, "84 points"),
        ({"rate": "1/3"}, "28 points"),
        ({"base": "goods+tax"}, "100 points"),
        ({"base": "total"}, "104 points"),
        ({"exclude_product": "12"}, "24 points"),
        ({"exclude_product": "12 13"}, "0 points"),
        ({"minimum": "84.04"}, "no points: 84.03 is below the minimum of 84.04"),
        ({"rate": "", "currency": "USD=1"}, "no points: EUR has no rate"),
        ({"currency": "EUR=0.012"}, "1 point"),
    ],
)
def test_the_example_is_the_last_order(app: Flask, ada: PanelClient, typed: dict[str, str], points: str) -> None:
    create_hook(app)
    deliver(app, id=16, number="1041", total="9.00")
    deliver(app)
    assert example(ada.get(EDIT).text).endswith("→ 84 points.")
    expected = f"Order 1042 of 3 Nov 2026: goods 84.03, their tax 15.97, shipping 4.90, total 104.90 EUR → {points}."
    for path, preview in ((ADD, f"{PAGE}/preview"), (EDIT, f"{PAGE}/1/preview")):
        values = {"csrf_token": ada.token(ADD), "preview": "1"} | NEW | typed
        answer = ada.post(path, values)
        assert answer.status_code == 200
        assert example(answer.text).replace("from https://shop.example/", "") == expected
        assert ada.post(preview, values).json == {"message": expected}
    assert rule_of(app) == OrderRule(counts_from=rule_of(app).counts_from), "a preview changes nothing"


def test_the_example_says_what_is_wrong(ada: PanelClient) -> None:
    answer = ada.send(f"{PAGE}/preview", ADD, **(NEW | {"rate": "x"}))
    assert answer.json["message"].startswith("No example yet. The rate must be above 0")


@pytest.mark.parametrize(
    "order",
    [
        {"total": "much"},
        {"line_items": None},
        {"total": "0.00"},
        {"line_items": [{"id": 1, "total": "1.00", "x": "y" * 10}] * 900},
        {"number": "\0\u202e" * 99},
    ],
)
def test_orders_that_are_no_example(app: Flask, ada: PanelClient, order: dict[str, Any]) -> None:
    create_hook(app)
    deliver(app)
    deliver(app, id=18, **order)
    assert "→" in example(ada.get(EDIT).text)
    with app.app_context():
        last_order = db.session.get_one(Hook, 1).last_order
    assert last_order
    assert "anna" not in last_order
    assert len(last_order) <= 20_000
    assert (json.loads(last_order)["id"] == 18) == ("number" in order)


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_the_next_hook_of_the_shop_has_the_same_example(app: Flask, ada: PanelClient) -> None:
    create_hook(app)
    deliver(app)
    deliver(app, status="completed", date_created_gmt=None)
    run_in_transaction(app, lambda session: hooks.remove(session, "web-shop", clock.now()))
    assert "from https://shop.example/" in example(ada.get(ADD).text)
    assert SECRET not in ada.get(ADD).text
    create_hook(app, "again")
    assert example(ada.get(f"{PAGE}/2/edit").text).startswith("A sample"), "nobody knows yet which shop it is for"

    def bind(session: Any) -> None:
        session.get_one(Hook, 2).shop_id = session.get_one(Hook, 1).shop_id

    run_in_transaction(app, bind)
    assert "from https://shop.example/" in example(ada.get(f"{PAGE}/2/edit").text)
