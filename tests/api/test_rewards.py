"""`GET /reserves/<key>/rewards` and `POST /reserves/<key>/rewards/<id>/redeem`, on both databases."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from pointsync import clock, db
from pointsync.api.schemas import RecordedOne
from pointsync.ledger import reserves
from pointsync.ledger.rewards import rewards
from tests.api.api_clients import ApiClient, create_api_client

ALICE = "alice@example.test"


@pytest.fixture
def app(app_on_each_database: Flask) -> Flask:
    """A site on each database."""
    return app_on_each_database


def add_reward(app: Flask, title: str = "Mug", cost: int = 50, key: str = "default", **more: Any) -> int:
    """Add a reward; its id."""
    with app.app_context(), db.transaction() as session:
        reserve = reserves.get(session, key)
        return rewards.create(session, reserve, title, more.get("description", ""), cost, clock.now()).id


def change_reward(app: Flask, reward_id: int, title: str = "Mug", cost: int = 50, is_active: bool = True) -> None:
    """Change a reward."""
    with app.app_context(), db.transaction() as session:
        rewards.update(session, reserves.get(session, "default"), reward_id, title, "", cost, is_active)


def redeem(shop: ApiClient, reward_id: Any, key: str = "default", **body: Any) -> TestResponse:
    """Redeem a reward for Alice."""
    body = {"customer": ALICE, "ref": "order-7"} | body
    return shop.client.post(f"/api/v1/reserves/{key}/rewards/{reward_id}/redeem", headers=shop.headers, json=body)


def test_the_rewards_of_a_reserve(app: Flask, api_client: ApiClient, add_reserve: Callable[..., None]) -> None:
    add_reserve("gold")
    assert api_client.get("/reserves/gold/rewards").json == []
    tea, mug = add_reward(app, "Teapot", 900, description="For two"), add_reward(app)
    add_reward(app, "Mug", 70, "gold")
    change_reward(app, mug, is_active=False)
    answer = api_client.get("/reserves/default/rewards")
    assert answer.status_code == 200
    assert answer.json == [
        {"id": mug, "title": "Mug", "description": "", "cost": 50, "active": False},
        {"id": tea, "title": "Teapot", "description": "For two", "cost": 900, "active": True},
    ]


def test_redeeming(app: Flask, api_client: ApiClient) -> None:
    number = add_reward(app)
    api_client.record({"customer": ALICE, "points": 120})
    answer = redeem(api_client, number, customer=" ALICE@example.test")
    assert answer.status_code == 201
    movement = msgspec.convert(answer.json, RecordedOne).movement
    assert (movement.status, movement.kind, movement.points, movement.balance) == ("recorded", "redeem", -50, 70)
    assert (movement.customer, movement.reserve, movement.ref, movement.reason) == (
        ALICE,
        "default",
        "order-7",
        "Redeemed: Mug",
    )
    change_reward(app, number, cost=500)
    again = redeem(api_client, number)
    assert (again.status_code, again.json["movement"]["status"]) == (200, "duplicate")
    assert again.json["movement"]["id"] == movement.id
    assert api_client.points(ALICE) == 70
    assert redeem(create_api_client(app, "another"), number).status_code == 409, (
        "a ref belongs to one key, and the reward costs 500 now"
    )


def test_other_content_under_the_same_ref(app: Flask, api_client: ApiClient) -> None:
    mug, tea = add_reward(app), add_reward(app, "Tea")
    api_client.record(
        {"movements": [{"customer": ALICE, "points": 500}, {"customer": "bob@example.test", "points": 500}]}
    )
    assert redeem(api_client, mug).status_code == 201
    for number, more in ((tea, {}), (mug, {"customer": "bob@example.test"})):
        answer = redeem(api_client, number, **more)
        assert (answer.status_code, answer.json["error"]["code"]) == (409, "ref_conflict")
        assert list(answer.json["error"]["fields"]) == ["ref"]
    body = {"customer": ALICE, "points": 5, "ref": "order-7"}
    assert api_client.record(body).json["error"]["code"] == "ref_conflict"
    assert api_client.points(ALICE) == 450


def test_not_enough_points(app: Flask, api_client: ApiClient) -> None:
    number = add_reward(app)
    api_client.record({"customer": ALICE, "points": 49})
    answer = redeem(api_client, number)
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "insufficient_points")
    assert list(answer.json["error"]["fields"]) == ["customer"]
    assert api_client.points(ALICE) == 49


def test_inactive_rewards_and_reserves(app: Flask, api_client: ApiClient, add_reserve: Callable[..., None]) -> None:
    number = add_reward(app)
    change_reward(app, number, is_active=False)
    api_client.record({"customer": ALICE, "points": 500})
    answer = redeem(api_client, number)
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "inactive_reward")
    add_reserve("old", is_active=False)
    answer = redeem(api_client, add_reward(app, key="old"), "old")
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "inactive_reserve")
    assert api_client.points(ALICE) == 500


def test_unknown_rewards_and_reserves(app: Flask, api_client: ApiClient, add_reserve: Callable[..., None]) -> None:
    add_reserve("gold")
    elsewhere = add_reward(app, key="gold")
    api_client.record({"customer": ALICE, "points": 500})
    for number in (elsewhere, 2**31 - 1, 2**31, 10**30, 0, -1, "x", "1.0", "%00"):
        answer = redeem(api_client, number)
        assert answer.status_code == 404, number
        assert answer.json["error"]["message"]
    for key in ("silver", "%00", "%ff", "a" * 2000, "1"):
        assert api_client.get(f"/reserves/{key}/rewards").status_code == 404
        assert redeem(api_client, elsewhere, key).status_code == 404
    assert api_client.points(ALICE) == 500


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["customer", "ref"]),
        ({"customer": ALICE}, ["ref"]),
        ({"customer": 5, "ref": None}, ["customer", "ref"]),
        ({"customer": "nobody", "ref": "1"}, ["customer"]),
        ({"customer": ALICE, "ref": ""}, ["ref"]),
        ({"customer": ALICE, "ref": "a" * 192}, ["ref"]),
        ({"customer": ALICE, "ref": "a\x00"}, ["ref"]),
        ({"customer": ALICE, "ref": "1", "points": 5}, ["points"]),
        ([], []),
        ("x", []),
        (None, []),
    ],
)
def test_an_invalid_body(app: Flask, api_client: ApiClient, body: Any, fields: list[str]) -> None:
    number = add_reward(app)
    api_client.record({"customer": ALICE, "points": 500})
    path = f"/api/v1/reserves/default/rewards/{number}/redeem"
    answer = api_client.client.post(path, headers=api_client.headers, json=body)
    assert answer.status_code == 422
    assert sorted(answer.json["error"].get("fields", {})) == fields
    for raw in (b"", b"{", b"\xff", b'{"customer": "\\ud800", "ref": "1"}'):
        answer = api_client.client.post(path, headers=api_client.headers, data=raw, content_type="application/json")
        assert answer.status_code == 422
    assert (
        api_client.client.post(path, headers=api_client.headers, data=b"x").json["error"]["code"]
        == "wrong_content_type"
    )
    assert api_client.points(ALICE) == 500


def test_it_needs_a_key(app: Flask, stranger: ApiClient) -> None:
    number = add_reward(app)
    assert stranger.get("/reserves/default/rewards").status_code == 401
    assert redeem(stranger, number).status_code == 401


def test_it_is_described(stranger: ApiClient) -> None:
    api = stranger.get("/openapi.json").json
    operation = api["paths"]["/reserves/{key}/rewards/{id}/redeem"]["post"]
    assert [(each["name"], each["in"], each["required"]) for each in operation["parameters"]] == [
        ("key", "path", True),
        ("id", "path", True),
    ]
    assert {"200", "201", "401", "404", "409", "422"} <= set(operation["responses"])
    assert set(api["components"]["schemas"]["NewRedemption"]["required"]) == {"customer", "ref"}
    assert "/reserves/{key}/rewards" in api["paths"]
