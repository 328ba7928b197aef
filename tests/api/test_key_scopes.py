"""What an API key may do, until when, how often; and when it was last used."""

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
from pointsync.api.endpoints import CALLS, PREFIX, Call
from pointsync.errors import Invalid
from pointsync.models import KeyUse, Movement
from tests.api.api_clients import Shop
from tests.support.moving_clock import START, MovingClock

SCOPES = list(api_keys.SCOPES)
SETS = [each for count in range(1, 4) for each in itertools.combinations(SCOPES, count)]
BODY = {"customer": "alice@example.test", "points": 5}

Make = Callable[..., Shop]


@pytest.fixture
def make(app: Flask, moving_clock: MovingClock) -> Make:
    """Callers with keys of their own."""
    numbers = itertools.count()

    def made(*scopes: str, **more: Any) -> Shop:
        name = f"key-{next(numbers)}"
        with app.app_context():
            _, key = db.in_write(
                lambda session: api_keys.create(session, name, moving_clock.now(), scopes=scopes or SCOPES, **more)
            )
        return Shop(app.test_client(), key)

    return made


def ask(shop: Shop, call: Call) -> TestResponse:
    """Make that call, its path filled."""
    path = call.path.format(email="alice@example.test", key="default", id=1)
    return shop.client.open(f"{PREFIX}{path}", method=call.method, json=BODY, headers=shop.headers)


def test_each_call_asks_for_a_scope_but_its_description(app: Flask) -> None:
    assert {call.path for call in CALLS if call.scope is None} == {"/openapi.json"}
    assert {call.scope for call in CALLS if call.scope} == set(SCOPES)


@pytest.mark.parametrize("scopes", SETS, ids=" ".join)
def test_a_key_does_what_its_scopes_say_and_nothing_else(app: Flask, make: Make, scopes: tuple[str, ...]) -> None:
    shop = make(*scopes)
    for call in CALLS:
        answer = ask(shop, call)
        if call.scope is None or call.scope in scopes:
            assert answer.status_code not in (401, 403), call.path
            continue
        assert answer.status_code == 403, call.path
        assert answer.json["error"]["code"] == "forbidden"
        assert f"pointsync key create NAME --scope {call.scope}" in answer.json["error"]["message"]
        told = answer.www_authenticate
        assert (told.type, told["error"], told["scope"]) == ("bearer", "insufficient_scope", call.scope)
    with app.app_context():
        recorded = len(db.db.session.scalars(select(Movement)).all())
    assert recorded == (1 if "record" in scopes else 0)


def test_the_figures_are_for_who_watches_over_the_site(make: Make) -> None:
    allowed, other = make("admin"), make("record", "read")
    assert allowed.client.get("/metrics", headers=allowed.headers).status_code == 200
    assert other.client.get("/metrics", headers=other.headers).status_code == 403


def test_the_description_tells_the_scope(stranger: Shop) -> None:
    paths = stranger.client.get(f"{PREFIX}/openapi.json").json["paths"]
    for call in CALLS:
        told = paths[call.path][call.method.lower()]
        assert told["security"] == ([{"key": [call.scope]}] if call.scope else [])
        assert ("403" in told["responses"]) == bool(call.scope)


def test_a_key_ends(make: Make, moving_clock: MovingClock) -> None:
    shop = make(expires_at=START + timedelta(days=1))
    moving_clock.advance(timedelta(days=1) - timedelta(seconds=1))
    assert shop.get("/reserves").status_code == 200
    moving_clock.advance(timedelta(seconds=1))
    answer = shop.get("/reserves")
    assert answer.status_code == 401
    assert "is over: make another one" in answer.json["error"]["message"]
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


def test_a_rate_holds_a_key_up_and_no_other(make: Make, moving_clock: MovingClock) -> None:
    slow, other = make(per_minute=10), make()
    codes = [slow.get("/reserves").status_code for _ in range(12)]
    assert codes == [200] * 10 + [429] * 2
    refused = slow.get("/reserves")
    assert refused.headers["Retry-After"] == "6"
    assert "may make 10 calls a minute" in refused.json["error"]["message"]
    assert other.get("/reserves").status_code == 200
    moving_clock.advance(timedelta(seconds=6))
    assert [slow.get("/reserves").status_code for _ in range(2)] == [200, 429]


def test_what_is_held_up_records_nothing(make: Make) -> None:
    slow = make(per_minute=1)
    assert slow.record(BODY).status_code == 201
    assert slow.record(BODY).status_code == 429
    assert [each["points"] for each in make().get("/customers/alice@example.test").json["balances"]] == [5]


@pytest.fixture
def used(app: Flask) -> Callable[[], list[datetime]]:
    """When keys were last used."""

    def read() -> list[datetime]:
        with app.app_context():
            return list(db.db.session.scalars(select(KeyUse.used_at)))

    return read


def test_the_last_use_is_kept_to_the_minute(make: Make, used: Callable[[], Any], moving_clock: MovingClock) -> None:
    shop = make()
    assert used() == []
    shop.get("/reserves")
    assert used() == [START]
    moving_clock.advance(timedelta(seconds=59))
    shop.get("/reserves")
    assert used() == [START]
    moving_clock.advance(timedelta(seconds=1))
    shop.get("/nowhere")
    assert used() == [START], "no call at all"
    shop.get("/reserves")
    assert used() == [START + timedelta(minutes=1)]
    moving_clock.advance(timedelta(days=-1))
    shop.get("/reserves")
    assert used() == [START + timedelta(minutes=1, days=-1)], "the clock was set back"


def test_a_use_that_cannot_be_noted_holds_nothing_up(
    app: Flask, make: Make, used: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any) -> None:
        raise db.Busy("held by another")

    shop = make()
    monkeypatch.setattr(api_keys, "note_use", busy)
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
def test_what_cannot_be_is_named(app: Flask, wrong: dict[str, Any], field: str) -> None:
    with app.app_context(), pytest.raises(Invalid) as found:
        db.in_write(lambda session: api_keys.create(session, "shop", START, **wrong))
    assert list(found.value.fields) == [field]


def test_both_databases(any_app: Flask, moving_clock: MovingClock) -> None:
    with any_app.app_context():
        row, key = db.in_write(lambda session: api_keys.create(session, "a", START, scopes=["read"], per_minute=2))
    shop = Shop(any_app.test_client(), key)
    assert [shop.get("/reserves").status_code for _ in range(3)] == [200, 200, 429]
    assert shop.record(BODY).status_code == 403
    with any_app.app_context():
        [seen] = api_keys.every(db.db.session())
        assert (seen.id, seen.scopes, seen.use.used_at) == (row.id, "read", START)
