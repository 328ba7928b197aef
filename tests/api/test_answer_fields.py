"""Every endpoint answers with exactly the fields that its description names."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.api.endpoints import ENDPOINTS, PREFIX, Endpoint
from pointsync.api.schemas import Error
from pointsync.ledger import reserves
from pointsync.ledger.rewards import rewards
from pointsync.models import Remote
from pointsync.sync.remotes import backfill
from tests.api.api_clients import ApiClient, make_order
from tests.api.test_reserves_and_remotes import add_remote
from tests.support import connected_shops
from tests.support.connected_shops import HOME, VERSIONS, PluginClient

ALICE = "alice@example.test"
UNTIL = clock.to_text(clock.now() + timedelta(hours=1))
REFS = {"show_hold": "cart-1", "capture_hold": "cart-1", "release_hold": "cart-2"}
"""The holds that the endpoints are called for, by name."""
BODIES: dict[str, list[dict[str, Any]]] = {
    "record_movements": [
        {"customer": ALICE, "points": 5},
        {"movements": [{"customer": ALICE, "points": 5}, {"customer": ALICE, "set": 500}]},
    ],
    "place_hold": [{"customer": ALICE, "points": 5, "ref": "cart-3", "until": UNTIL}],
    "capture_hold": [{"movement_ref": "order-8"}],
    "list_balances": [{"customers": [ALICE, "bob@example.test"]}],
    "find_erased_customers": [{"customers": [ALICE]}],
    "bring_balances": [
        {
            "program": "myrewards",
            "was_in_step": True,
            "balances": [{"customer": "carol@example.test", "points": 5}, {"customer": "nobody", "points": 5}],
        }
    ],
    "rename_customer": [{"to": "alice@new.test"}],
    "add_customer_alias": [{"to": "alice@old.test"}],
    "merge_customers": [{"from": ALICE, "into": "bob@example.test"}],
    "report_orders": [{"shop": "shop.test", "orders": [make_order(), {"id": 18}]}],
    "add_webhook": [{"url": "https://shop.test/second"}],
    "connect_shop": [VERSIONS | {"shop_id": "f" * 32, "home_url": "https://cups.test", "name": "Cups"}],
    "report_state": [VERSIONS | {"outbox": {"waiting": 0}}],
    "move_shop": [{"from": HOME, "to": HOME}],
    "remove_double_hook": [{"hook": "old-hook"}],
    "redeem_reward": [{"customer": ALICE, "ref": "order-7"}],
}
"""What to send to the endpoints that take a body, by name."""


@pytest.fixture
def filled_app(app: Flask, api_client: ApiClient, add_order_rule: Any) -> Flask:
    """The site with everything that answers can show."""
    api_client.record({"movements": [{"customer": ALICE, "points": 200, "ref": f"order-{n}"} for n in range(3)]})
    api_client.record({"customer": "bob@example.test", "points": 1})
    for ref in REFS.values():
        hold = {"customer": ALICE, "points": 5, "ref": ref, "until": UNTIL}
        api_client.client.post(f"{PREFIX}/holds", json=hold, headers=api_client.headers)
    add_order_rule()
    api_client.post("/webhooks", {"url": "https://shop.test/first"})
    remote_id = add_remote(app, name="Tea shop")
    with app.app_context(), db.transaction() as session:
        rewards.create(session, reserves.get(session, "default"), "Mug", "A blue one", 50, clock.now())
        backfill.start(session, session.get_one(Remote, remote_id), clock.now())
    return app


def call_endpoint(api_client: ApiClient, endpoint: Endpoint, body: Any) -> Any:
    """The decoded answer of a successful call."""
    path = endpoint.path.format(email=ALICE, key="default", id=1, erasure=1, ref=REFS.get(endpoint.name))
    answer = api_client.client.open(f"{PREFIX}{path}", method=endpoint.method, json=body, headers=api_client.headers)
    assert answer.status_code in endpoint.responses, (endpoint.path, answer.text)
    return answer.json


def has_exactly_the_fields(answer: Any, schema: Any) -> bool:
    """Whether `answer` has every field of the type `schema` and no other one, on every level."""
    try:
        converted = msgspec.convert(answer, schema)  # leaves unknown fields out
    except msgspec.ValidationError:
        return False
    return bool(msgspec.to_builtins(converted) == answer)


def _call(app: Flask, api_client: ApiClient, plugin: PluginClient, endpoint: Endpoint, body: Any) -> Any:
    """The decoded answer: to a shop's program, or to a plugin for what only that calls."""
    if endpoint.name == "connect_shop":
        body = body | {"code": connected_shops.decode(connected_shops.begin(app, "cups"))["c"]}
    if not endpoint.path.startswith("/shops/") or endpoint.scope is None:
        return call_endpoint(api_client, endpoint, body)
    answer = plugin.call(endpoint.path, body)
    assert answer.status_code in endpoint.responses, (endpoint.path, answer.text)
    return answer.json


def test_every_endpoint_answers_with_the_described_fields(
    filled_app: Flask, api_client: ApiClient, add_hook: Any
) -> None:
    add_hook("old-hook", shop=HOME).order(id=1)
    plugin = connected_shops.connect(filled_app, "mugs")
    for endpoint in ENDPOINTS:
        schemas = {schema for response in endpoint.responses.values() for schema in response.schemas}
        matched = set()
        for body in BODIES.get(endpoint.name, [None]):
            answer = _call(filled_app, api_client, plugin, endpoint, body)
            if 204 in endpoint.responses:
                assert answer is None
                continue
            assert answer, endpoint.path
            matches = {schema for schema in schemas if has_exactly_the_fields(answer, schema)}
            assert matches, (endpoint.path, answer)
            matched |= matches
        assert matched == schemas, endpoint.path


def test_the_answer_of_remotes_has_no_empty_part(filled_app: Flask, api_client: ApiClient) -> None:
    [remote] = api_client.get("/remotes").json
    assert remote["history"] == {"total": 4, "owed": 0, "state": "running"}
    assert set(remote) == {
        *("id", "name", "url", "target", "observed", "dialect", "status", "status_text", "waiting"),
        *(
            "unknown_customers",
            "refused",
            "waiting_changes",
            "paused",
            "blocked",
            "last_success_at",
            "last_error",
            "last_error_at",
        ),
        "history",
    }


@pytest.mark.parametrize("body", [{"customer": "nobody"}, {"customer": ALICE, "points": -5_000}], ids=["422", "409"])
def test_errors_have_the_described_fields(app: Flask, api_client: ApiClient, body: dict[str, Any]) -> None:
    assert has_exactly_the_fields(api_client.record(body).json, Error)
    assert has_exactly_the_fields(ApiClient(app.test_client(), None).get("/reserves").json, Error)


def test_additional_and_missing_fields_are_found(api_client: ApiClient) -> None:
    answer = api_client.get("/reserves").json
    schema = next(each for each in ENDPOINTS if each.name == "list_reserves").responses[200].schemas[0]
    assert has_exactly_the_fields(answer, schema)
    assert not has_exactly_the_fields([each | {"more": 1} for each in answer], schema)
    assert not has_exactly_the_fields([{"key": "default"}], schema)
