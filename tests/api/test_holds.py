"""Holds by the shop API: what is answered, to whom, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from pointsync import clock
from tests.api.api_clients import ApiClient, create_api_client
from tests.support.moving_clock import START, MovingClock

ALICE, BOB = "alice@example.test", "bob@example.test"
UNTIL = clock.to_text(START + timedelta(hours=1))
HOLD = {"customer": ALICE, "points": 60, "ref": "cart/1 ü", "until": UNTIL}
PATH = "/holds/cart%2F1%20%C3%BC"


@pytest.fixture(autouse=True)
def points_of_alice(api_client: ApiClient, moving_clock: MovingClock) -> None:
    api_client.record({"customer": ALICE, "points": 100})


def post(client: ApiClient, path: str, body: Any = None) -> TestResponse:
    return client.client.post(f"/api/v1{path}", json=body, headers=client.headers)


def test_from_the_hold_to_the_movement(api_client: ApiClient) -> None:
    answer = post(api_client, "/holds", HOLD | {"customer": "Alice@Example.test"})
    assert answer.status_code == 201
    hold = {
        "ref": "cart/1 ü",
        "customer": ALICE,
        "reserve": "default",
        "points": 60,
        "state": "held",
        "until": UNTIL,
        "created_at": clock.to_text(START),
        "captured_points": None,
        "movement_id": None,
    }
    assert answer.json == {"hold": hold}
    repeated = post(api_client, "/holds", HOLD)
    assert (repeated.status_code, repeated.json) == (200, {"hold": hold})
    assert api_client.get(PATH).json == {"hold": hold}
    assert api_client.get(f"/customers/{ALICE}").json["balances"] == [{"reserve": "default", "points": 100, "held": 60}]
    refused = api_client.record({"customer": ALICE, "points": -41})
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "insufficient_points")
    assert "60 of them are held" in refused.json["error"]["message"]

    body = {"movement_ref": "order-17", "points": 50, "kind": "redeem", "reason": "Order 17"}
    captured = post(api_client, f"{PATH}/capture", body)
    assert captured.status_code == 201
    movement = captured.json["movement"]
    expected = {"ref": "order-17", "points": -50, "balance": 50, "kind": "redeem", "status": "recorded"}
    assert {name: movement[name] for name in expected} == expected
    assert captured.json["hold"] == hold | {
        "state": "captured",
        "captured_points": 50,
        "movement_id": movement["id"],
    }
    repeated = post(api_client, f"{PATH}/capture", body)
    assert repeated.status_code == 200
    assert repeated.json == {"hold": captured.json["hold"], "movement": movement | {"status": "duplicate"}}
    assert api_client.get(f"/customers/{ALICE}").json["balances"] == [{"reserve": "default", "points": 50}]


def test_a_release(api_client: ApiClient) -> None:
    post(api_client, "/holds", HOLD)
    for _ in range(2):
        answer = post(api_client, f"{PATH}/release")
        assert (answer.status_code, answer.json["hold"]["state"]) == (200, "released")
    answer = post(api_client, f"{PATH}/capture", {"movement_ref": "order-17"})
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "hold_ended")
    assert api_client.record({"customer": ALICE, "points": -100}).status_code == 201


def test_the_time_is_over(api_client: ApiClient, moving_clock: MovingClock) -> None:
    post(api_client, "/holds", HOLD)
    moving_clock.advance(timedelta(hours=1))
    assert api_client.get(PATH).json["hold"]["state"] == "ended"
    assert post(api_client, "/holds", HOLD).json["hold"]["state"] == "ended"
    assert api_client.record({"customer": ALICE, "points": -90}).status_code == 201
    answer = post(api_client, f"{PATH}/capture", {"movement_ref": "order-17"})
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "hold_ended")
    assert "done: true" in answer.json["error"]["message"]
    answer = post(api_client, f"{PATH}/capture", {"movement_ref": "order-17", "done": True})
    assert (answer.status_code, answer.json["movement"]["balance"]) == (201, -50)


def test_an_extension(api_client: ApiClient, moving_clock: MovingClock) -> None:
    post(api_client, "/holds", HOLD)
    later = clock.to_text(START + timedelta(hours=2))
    answer = post(api_client, "/holds", HOLD | {"until": later})
    assert (answer.status_code, answer.json["hold"]["until"]) == (200, later)
    moving_clock.advance(timedelta(hours=1, minutes=30))
    assert api_client.record({"customer": ALICE, "points": -41}).status_code == 409


def test_conflicts(api_client: ApiClient) -> None:
    post(api_client, "/holds", HOLD)
    for wrong, code in [({"points": 59}, "ref_conflict"), ({"ref": "cart-2", "points": 41}, "insufficient_points")]:
        answer = post(api_client, "/holds", HOLD | wrong)
        assert (answer.status_code, answer.json["error"]["code"]) == (409, code)
    api_client.record({"customer": ALICE, "points": 5, "ref": "order-17"})
    answer = post(api_client, f"{PATH}/capture", {"movement_ref": "order-17"})
    assert (answer.status_code, list(answer.json["error"]["fields"])) == (409, ["movement_ref"])
    assert post(api_client, f"{PATH}/capture", {"movement_ref": "order-18"}).status_code == 201
    answer = post(api_client, f"{PATH}/release")
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "hold_ended")


def test_a_ref_belongs_to_the_name_of_the_key(app: Flask, api_client: ApiClient) -> None:
    post(api_client, "/holds", HOLD)
    other = create_api_client(app, "till")
    for answer in (
        other.get(PATH),
        post(other, f"{PATH}/release"),
        post(other, f"{PATH}/capture", {"movement_ref": "a"}),
    ):
        assert (answer.status_code, answer.json["error"]["code"]) == (404, "unknown_hold")
    assert post(other, "/holds", HOLD | {"points": 40}).status_code == 201


WRONG_HOLDS: list[tuple[dict[str, Any], str]] = [
    *(({name: None}, name) for name in ("customer", "points", "ref", "until")),
    *(({"customer": each}, "customer") for each in (5, "", "alice", "a\0@example.test", "a" * 5000 + "@example.test")),
    *(({"points": each}, "points") for each in (0, -5, "5.5", 5.5, True, [5], 2_000_000_001, 10**40)),
    *(({"reserve": each}, "reserve") for each in ("nowhere", "", 1, "de\0fault")),
    *(({"ref": each}, "ref") for each in ("", " ", " a", 17, "a" * 192, "a\0b")),
    *(({"until": each}, "until") for each in ("tomorrow", "2026-01-31T12:00:00", 1, "0001-01-01T00:00:00+23:59")),
    *(({"until": each}, "until") for each in (clock.to_text(START), "2999-01-01T00:00:00Z")),
    ({"untl": UNTIL}, "untl"),
]


@pytest.mark.parametrize(("wrong", "field"), WRONG_HOLDS, ids=range(len(WRONG_HOLDS)))
def test_a_wrong_hold(api_client: ApiClient, wrong: dict[str, Any], field: str) -> None:
    answer = post(api_client, "/holds", HOLD | wrong)
    assert answer.status_code == 422
    assert list(answer.json["error"]["fields"]) == [field]
    assert api_client.record({"customer": ALICE, "points": -100}).status_code == 201, "nothing is held"


@pytest.mark.parametrize("missing", ["customer", "points", "ref", "until"])
def test_a_missing_field(api_client: ApiClient, missing: str) -> None:
    answer = post(api_client, "/holds", {name: value for name, value in HOLD.items() if name != missing})
    assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, [missing])
    assert "missing" in answer.json["error"]["message"]


WRONG_CAPTURES: list[tuple[Any, str]] = [
    *(({"movement_ref": each}, "movement_ref") for each in (None, "", " a", 5, "a" * 192, "a\0b")),
    *(({"points": each}, "points") for each in (0, -5, 61, "5.5", 5.5, True, 10**40)),
    *(({"kind": each}, "kind") for each in ("earn", "manual", "opening", "", 5)),
    *(({"reason": each}, "reason") for each in (5, "a" * 501, "a\0b")),
    *(({"done": each}, "done") for each in ("yes", 1)),
    ({"point": 5}, "point"),
]


@pytest.mark.parametrize(("wrong", "field"), WRONG_CAPTURES, ids=range(len(WRONG_CAPTURES)))
def test_a_wrong_capture(api_client: ApiClient, wrong: dict[str, Any], field: str) -> None:
    post(api_client, "/holds", HOLD)
    answer = post(api_client, f"{PATH}/capture", {"movement_ref": "order-17"} | wrong)
    assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, [field])
    assert api_client.get(PATH).json["hold"]["state"] == "held"


def test_unknown_holds(api_client: ApiClient) -> None:
    for ref in ("none", "a" * 500, "%00", "a%ffb", "..", "a/capture"):
        for answer in (api_client.get(f"/holds/{ref}"), post(api_client, f"/holds/{ref}/release")):
            assert answer.status_code == 404


def test_both_databases(app_on_each_database: Flask) -> None:
    shop = create_api_client(app_on_each_database, "till")
    shop.record({"customer": BOB, "points": 100})
    body = HOLD | {"customer": BOB, "until": clock.to_text(START + timedelta(minutes=1)), "ref": "cart-1"}
    assert post(shop, "/holds", body).status_code == 201
    assert post(shop, "/holds/cart-1/capture", {"movement_ref": "order-1", "points": 10}).status_code == 201
    assert post(shop, "/holds", body | {"ref": "cart-2"}).status_code == 201
    assert post(shop, "/holds/cart-2/release").status_code == 200
    assert shop.points(BOB) == 90
