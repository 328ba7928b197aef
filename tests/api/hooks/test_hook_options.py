"""What the options of a hook do to orders, and changing them."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from pointsync import clock, crypto, db
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger.orders.rule import OrderRule
from pointsync.ledger.record import Draft, record
from pointsync.models import Hook
from pointsync.runtime import get_runtime
from pointsync.woocommerce import hooks
from pointsync.woocommerce.rule_input import RuleInput
from tests.api.api_clients import ApiClient, HookClient, make_refund

ALICE = "alice@example.test"
AddHook = Callable[..., HookClient]
LINES = [
    {"id": 1, "product_id": 10, "total": "60.00", "total_tax": "11.40"},
    {"id": 2, "product_id": 11, "variation_id": 12, "total": "40.00", "total_tax": "7.60"},
]
ORDER = {"total": "124.95", "line_items": LINES, "shipping_lines": [{"id": 3, "total": "5.00", "total_tax": "0.95"}]}


def change(app: Flask, **typed: Any) -> None:
    with app.app_context():
        vault = crypto.Vault("a secret of this test")
        db.run_in_transaction(lambda session: hooks.change(session, vault, 1, typed=RuleInput(**typed)))


@pytest.mark.parametrize(
    ("options", "points"),
    [
        ({}, 100),
        ({"base": "goods+tax"}, 119),
        ({"base": "total"}, 124),
        ({"excluded_products": ["10"]}, 40),
        ({"excluded_products": ["12"]}, 60),
        ({"excluded_products": ["10", "11"]}, 0),
        ({"minimums": {"": "100"}}, 100),
        ({"minimums": {"": "100.01"}}, 0),
        ({"minimums": {"EUR": "100.01"}}, 0),
        ({"minimums": {"USD": "100.01"}}, 100),
        ({"minimums": {"": "100"}, "excluded_products": ["12"]}, 0),
        ({"rate": "2", "currencies": {"EUR": "1/3"}}, 33),
        ({"rate": "2", "currencies": {"USD": "1/3"}}, 200),
        ({"rate": None, "currencies": {"USD": "1/3"}}, 0),
    ],
)
def test_options(add_hook: AddHook, api_client: ApiClient, options: dict[str, Any], points: int) -> None:
    add_hook(**options).order(currency="EUR", **ORDER)
    assert api_client.points(ALICE) == points


def test_a_named_currency_is_not_taken_for_the_shops_own(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook(rate="1", currencies={"USD": "0.5"})
    woo.order(id=1, currency="USD")
    woo.order(id=2, currency="EUR")
    woo.order(id=3, currency="USD")
    woo.order(id=4, currency="GBP")
    assert api_client.points(ALICE) == 50 + 100 + 50


def test_a_minimum_counts_before_refunds(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook(minimums={"": "100"})
    woo.order(refunds=[make_refund(20, "-30.00")])
    assert api_client.points(ALICE) == 70


def test_child_orders_count_if_chosen(add_hook: AddHook, api_client: ApiClient) -> None:
    add_hook(counts_children=True).order(parent_id=16)
    assert api_client.points(ALICE) == 100


def test_orders_keep_the_rule_by_which_they_counted(app: Flask, add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    woo.order()
    change(app, rate="2", excluded_products=["99"])
    woo.order(total="110.00")
    assert api_client.points(ALICE) == 110
    woo.order(id=18)
    assert api_client.points(ALICE) == 310


def test_what_is_not_typed_stays(app: Flask, add_hook: AddHook) -> None:
    add_hook(rate="2", currencies={"USD": "3"}, minimums={"": "5"}, excluded_products=["7"], status=["picked-up"])

    def rule() -> OrderRule:
        with app.app_context():
            return OrderRule.from_text(db.session.get_one(Hook, 1).order_rule)

    before = rule()
    change(app)
    assert rule() == before
    change(app, currencies={"EUR": "4"})
    assert rule().rates == {"": 2, "EUR": 4}
    change(app, rate="1", currencies={}, minimums={"": "0"}, excluded_products=[], counts_all=True)
    assert rule() == OrderRule(statuses=("picked-up",))


def test_a_change_that_is_refused_changes_nothing(app: Flask, add_hook: AddHook) -> None:
    add_hook(rate=None, currencies={"USD": "3"})
    for typed in ({"currencies": {}}, {"base": "net"}, {"statuses": []}, {"minimums": {"": "-1"}}):
        with pytest.raises(InvalidInput):
            change(app, **typed)
    with app.app_context():
        assert OrderRule.from_text(db.session.get_one(Hook, 1).order_rule).rates == {"USD": 3}


def test_a_hook_for_movements_has_no_rule(app: Flask, add_hook: AddHook) -> None:
    add_hook(by_movements=True)
    with pytest.raises(Conflict, match="no rule"):
        change(app, rate="2")


def test_a_new_secret(app: Flask, add_hook: AddHook) -> None:
    woo = add_hook()
    with app.app_context():
        vault = get_runtime().vault
        db.run_in_transaction(lambda session: hooks.change(session, vault, 1, secret=" another "))
    assert woo.post(b"{}", "order.created").status_code == 401
    woo.secret = "another"
    assert woo.order()["outcome"] == "recorded"


def test_orders_of_an_early_hook_are_not_counted_again(app: Flask, add_hook: AddHook, api_client: ApiClient) -> None:
    """A hook of version 0.1.0 counted totals, before orders had rows. Then an admin changes its rule."""
    woo = add_hook(base="total")
    with app.app_context(), db.transaction() as session:
        hook = session.get_one(Hook, 1)
        hook.early_rule = hook.order_rule
        record(session, [Draft(ALICE, 124, kind="earn", ref="order:17")], "hook:shop", clock.now())
    change(app, base="goods", rate="2")
    assert woo.order(**ORDER)["outcome"] == "duplicate"
    woo.order(**(ORDER | {"total": "134.95"}))
    assert api_client.points(ALICE) == 134
