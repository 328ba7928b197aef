"""The scopes, expiry and rate of an API key, and when it was last used."""

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from pointsync import db
from pointsync.accounts import api_keys
from pointsync.api.endpoints import ENDPOINTS, PREFIX, Endpoint
from pointsync.errors import InvalidInput
from pointsync.models import ApiKeyUse, Movement
from tests.api.api_clients import ApiClient
from tests.support.moving_clock import START, MovingClock

SCOPES = list(api_keys.SCOPES)
INCLUDED = {"record", "read"}
"""What the scope `shop` includes."""
SETS = [
    pytest.param(each, marks=() if count == 1 or count >= len(SCOPES) - 1 else pytest.mark.long, id=" ".join(each))
    for count in range(1, len(SCOPES) + 1)
    for each in itertools.combinations(SCOPES, count)
]
"""With one scope, lacking one, or with all; `tests/unit/core/test_scopes.py` has the others, too."""
BODY = {"customer": "alice@example.test", "points": 5}

CreateClient = Callable[..., ApiClient]


@pytest.fixture
def create_client(app: Flask, moving_clock: MovingClock) -> CreateClient:
    """Creates callers, each with its own key."""
    numbers = itertools.count()

    def create(*scopes: str, **more: Any) -> ApiClient:
        name = f"key-{next(numbers)}"
        with app.app_context():
            _, key = db.run_in_transaction(
                lambda session: api_keys.create(session, name, moving_clock.now(), scopes=scopes or SCOPES, **more)
            )
        return ApiClient(app.test_client(), key)

    return create


def call_endpoint(shop: ApiClient, endpoint: Endpoint) -> TestResponse:
    """Call the endpoint, with sample values in its path."""
    path = endpoint.path.format(email="alice@example.test", key="default", id=1, erasure=1, ref="cart-1")
    return shop.client.open(f"{PREFIX}{path}", method=endpoint.method, json=BODY, headers=shop.headers)


def test_every_endpoint_but_the_description_needs_a_scope(app: Flask) -> None:
    assert {each.path for each in ENDPOINTS if each.scope is None} == {"/openapi.json", "/shops/connect"}
    assert {each.scope for each in ENDPOINTS if each.scope} <= set(SCOPES)


@pytest.mark.parametrize("scopes", SETS)
def test_a_key_may_do_what_its_scopes_allow_and_nothing_else(
    app: Flask, create_client: CreateClient, scopes: tuple[str, ...]
) -> None:
    shop = create_client(*scopes)
    for endpoint in ENDPOINTS:
        answer = call_endpoint(shop, endpoint)
        if endpoint.scope is None or endpoint.scope in scopes or ("shop" in scopes and endpoint.scope in INCLUDED):
            assert answer.status_code not in (401, 403), endpoint.path
            continue
        assert answer.status_code == 403, endpoint.path
        assert answer.json["error"]["code"] == "forbidden"
        assert f"pointsync key create NAME --scope {endpoint.scope}" in answer.json["error"]["message"]
        challenge = answer.www_authenticate
        assert (challenge.type, challenge["error"], challenge["scope"]) == (
            "bearer",
            "insufficient_scope",
            endpoint.scope,
        )
    with app.app_context():
        recorded = len(db.session.scalars(select(Movement)).all())
    assert recorded == (1 if {"record", "shop"} & set(scopes) else 0)


def test_metrics_need_the_admin_scope(create_client: CreateClient) -> None:
    allowed, other = create_client("admin"), create_client("record", "read")
    assert allowed.client.get("/metrics", headers=allowed.headers).status_code == 200
    assert other.client.get("/metrics", headers=other.headers).status_code == 403


def test_the_description_names_the_scope(stranger: ApiClient) -> None:
    paths = stranger.client.get(f"{PREFIX}/openapi.json").json["paths"]
    for endpoint in ENDPOINTS:
        operation = paths[endpoint.path][endpoint.method.lower()]
        assert operation["security"] == ([{"key": [endpoint.scope]}] if endpoint.scope else [])
        assert ("403" in operation["responses"]) == bool(endpoint.scope)


def test_a_key_expires(create_client: CreateClient, moving_clock: MovingClock) -> None:
    shop = create_client(expires_at=START + timedelta(days=1))
    moving_clock.advance(timedelta(days=1) - timedelta(seconds=1))
    assert shop.get("/reserves").status_code == 200
    moving_clock.advance(timedelta(seconds=1))
    answer = shop.get("/reserves")
    assert answer.status_code == 401
    assert "has expired. Create a new one" in answer.json["error"]["message"]
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


def test_a_rate_limits_one_key_and_no_other(create_client: CreateClient, moving_clock: MovingClock) -> None:
    slow, other = create_client(per_minute=10), create_client()
    codes = [slow.get("/reserves").status_code for _ in range(12)]
    assert codes == [200] * 10 + [429] * 2
    refused = slow.get("/reserves")
    assert refused.headers["Retry-After"] == "6"
    assert "may make 10 calls a minute" in refused.json["error"]["message"]
    assert other.get("/reserves").status_code == 200
    moving_clock.advance(timedelta(seconds=6))
    assert [slow.get("/reserves").status_code for _ in range(2)] == [200, 429]


def test_a_limited_call_records_nothing(create_client: CreateClient) -> None:
    slow = create_client(per_minute=1)
    assert slow.record(BODY).status_code == 201
    assert slow.record(BODY).status_code == 429
    assert [each["points"] for each in create_client().get("/customers/alice@example.test").json["balances"]] == [5]


@pytest.fixture
def used(app: Flask) -> Callable[[], list[datetime]]:
    """The times of last use of all keys."""

    def read() -> list[datetime]:
        with app.app_context():
            return list(db.session.scalars(select(ApiKeyUse.used_at)))

    return read


def test_the_last_use_is_kept_to_the_minute(
    create_client: CreateClient, used: Callable[[], Any], moving_clock: MovingClock
) -> None:
    shop = create_client()
    assert used() == []
    shop.get("/reserves")
    assert used() == [START]
    moving_clock.advance(timedelta(seconds=59))
    shop.get("/reserves")
    assert used() == [START]
    moving_clock.advance(timedelta(seconds=1))
    shop.get("/nowhere")
    assert used() == [START], "not a call of the API"
    shop.get("/reserves")
    assert used() == [START + timedelta(minutes=1)]
    moving_clock.advance(timedelta(days=-1))
    shop.get("/reserves")
    assert used() == [START + timedelta(minutes=1, days=-1)], "the clock was set back"


def test_a_call_succeeds_when_its_use_cannot_be_saved(
    app: Flask, create_client: CreateClient, used: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any) -> None:
        raise db.DatabaseBusy("held by another")

    shop = create_client()
    monkeypatch.setattr(api_keys, "save_use", busy)
    assert shop.get("/reserves").status_code == 200
    assert used() == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"scopes": ()}, "scopes"),
        ({"scopes": ("read", "write")}, "scopes"),
        ({"expires_at": START}, "expires_at"),
        ({"expires_at": START - timedelta(days=1)}, "expires_at"),
        ({"expires_at": START + timedelta(days=101 * 365)}, "expires_at"),
        ({"per_minute": 0}, "per_minute"),
        ({"per_minute": -1}, "per_minute"),
        ({"per_minute": 60_001}, "per_minute"),
    ],
)
def test_invalid_options_are_named(app: Flask, wrong: dict[str, Any], field: str) -> None:
    with app.app_context(), pytest.raises(InvalidInput) as found:
        db.run_in_transaction(lambda session: api_keys.create(session, "shop", START, **wrong))
    assert list(found.value.fields) == [field]


def test_both_databases(app_on_each_database: Flask, moving_clock: MovingClock) -> None:
    with app_on_each_database.app_context():
        row, key = db.run_in_transaction(
            lambda session: api_keys.create(session, "a", START, scopes=["read"], per_minute=2)
        )
    shop = ApiClient(app_on_each_database.test_client(), key)
    assert [shop.get("/reserves").status_code for _ in range(3)] == [200, 200, 429]
    assert shop.record(BODY).status_code == 403
    with app_on_each_database.app_context():
        [seen] = api_keys.list_all(db.session())
        assert (seen.id, seen.scopes, seen.use.used_at) == (row.id, "read", START)
