"""What a first caller says does not decide which shop a hook belongs to: it may be a test copy, or a stranger."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from pointsync import crypto
from pointsync.models import Hook
from tests.api.api_clients import ApiClient, HookClient, make_movement, make_order

ALICE = "alice@example.test"
COPY = {"X_WC_Webhook_Source": "https://staging.shop.test/"}
AddHook = Callable[..., HookClient]


def make_euro_order(**fields: Any) -> dict[str, Any]:
    return make_order(**{"currency": "EUR"} | fields)


CUSTOMER = {"id": 2, "email": "copy@example.test", "role": "customer", "billing": {}}
FIRST = {
    "not paid yet": ("order.created", make_euro_order(status="pending"), "unused"),
    "a draft": ("order.created", make_euro_order(status="checkout-draft"), "unused"),
    "cancelled": ("order.updated", make_euro_order(status="cancelled"), "unused"),
    "in the trash": ("order.updated", make_euro_order(status="trash"), "unused"),
    "worth nothing": ("order.updated", make_euro_order(total="0.00"), "unused"),
    "in another currency": ("order.updated", make_euro_order(currency="JPY"), "unused"),
    "with a parent": ("order.updated", make_euro_order(parent_id=4), "unused"),
    "without an address": ("order.updated", make_euro_order(billing={"email": ""}), "unused"),
    "for a wrong address": ("order.updated", make_euro_order(billing={"email": "alice"}), "unused"),
    "deleted": ("order.deleted", {"id": 17}, "unused"),
    "no order": ("order.updated", {"code": "woocommerce_rest_cannot_view"}, "unused"),
    "a customer": ("customer.created", CUSTOMER, "kept"),
    "a movement": ("action.woocommerce_pointsync_movement", make_movement(), "unused"),
    "a product": ("product.updated", {"id": 3}, "unused"),
}


@pytest.mark.parametrize("what", FIRST)
def test_a_delivery_that_records_nothing(add_hook: AddHook, api_client: ApiClient, what: str) -> None:
    woo = add_hook(rate=None, currencies={"EUR": "1"})
    topic, body, outcome = FIRST[what]
    assert woo.deliver(topic, body, **COPY)["outcome"] == outcome
    assert woo.order(id=18, currency="EUR")["outcome"] == "recorded"
    assert woo.deliver("order.created", make_euro_order(id=19), **COPY)["outcome"] == "kept"
    assert api_client.points(ALICE) == 100


def test_a_delivery_with_a_wrong_signature(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    raw = json.dumps(make_euro_order()).encode()
    forged = base64.b64encode(crypto.sign_hmac("guessed", raw)).decode()
    assert woo.post(raw, "order.created", X_WC_Webhook_Signature=forged, **COPY).status_code == 401
    assert woo.order(id=18)["outcome"] == "recorded"
    assert api_client.points(ALICE) == 100


def test_a_report_that_counts_nothing(add_order_rule: Callable[..., Hook], api_client: ApiClient) -> None:
    add_order_rule()
    copy, report = "https://staging.shop.test/", api_client.report
    assert report(make_order(status="pending"), shop=copy).json["results"][0]["status"] == "not_counted"
    assert report(make_order(id=18)).json["results"][0]["status"] == "applied"
    assert report(make_order(id=19), shop=copy).json["results"][0]["status"] == "not_counted"
    assert api_client.points(ALICE) == 100
