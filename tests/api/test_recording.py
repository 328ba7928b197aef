"""`POST /movements`: one or many, all or nothing, once per ref."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from flask import Flask

from pointsync.api.schemas import RecordedOne
from pointsync.ledger.movement_json import RecordedMovement
from tests.api.api_clients import ApiClient, create_api_client

ALICE = {"customer": "alice@example.test"}


def test_one_movement(api_client: ApiClient) -> None:
    answer = api_client.record(
        {"customer": " Alice@Example.test ", "points": 25, "reason": "Order 17", "at": "2026-01-31T12:00:00+01:00"}
    )
    assert answer.status_code == 201
    movement = answer.json["movement"]
    assert movement["id"].isdecimal()
    assert movement["origin"].startswith("wrk_")
    expected = ALICE | {"ref": None, "reserve": "default", "kind": "earn", "points": 25, "balance": 25}
    expected |= {"reason": "Order 17", "at": "2026-01-31T11:00:00Z", "status": "recorded"}
    assert {name: movement[name] for name in expected} == expected
    msgspec.convert(answer.json, RecordedOne)


def test_many_movements_in_their_order(api_client: ApiClient) -> None:
    answer = api_client.record({"movements": [ALICE | {"points": points} for points in (10, -3, 5)]})
    assert answer.status_code == 201
    many = msgspec.convert(answer.json["movements"], list[RecordedMovement])
    assert [(each.points, each.balance, each.kind) for each in many] == [
        (10, 10, "earn"),
        (-3, 7, "spend"),
        (5, 12, "earn"),
    ]


def test_a_thousand_at_once(api_client: ApiClient) -> None:
    many = [{"customer": f"customer-{number}@example.test", "points": 1} for number in range(1000)]
    assert api_client.record({"movements": many}).status_code == 201
    assert api_client.record({"movements": [*many, many[0]]}).status_code == 422


def test_all_or_nothing(api_client: ApiClient) -> None:
    answer = api_client.record({"movements": [ALICE | {"points": 10}, ALICE | {"points": -50}]})
    assert answer.status_code == 409
    assert answer.json["error"]["code"] == "insufficient_points"
    assert list(answer.json["error"]["fields"]) == ["movements[1].points"]
    assert api_client.get("/customers/alice@example.test").status_code == 404


@pytest.mark.parametrize("kind", ["earn", "spend", "refund", "manual", "redeem"])
@pytest.mark.parametrize("points", [4, -4])
def test_every_kind_with_either_sign(api_client: ApiClient, kind: str, points: int) -> None:
    api_client.record(ALICE | {"points": 10})
    movement = api_client.record(ALICE | {"points": points, "kind": kind}).json["movement"]
    assert (movement["kind"], movement["points"], movement["balance"]) == (kind, points, 10 + points)


@pytest.mark.parametrize(("kind", "status"), [("spend", 409), ("redeem", 409), ("refund", 201), ("manual", 201)])
def test_below_zero(api_client: ApiClient, kind: str, status: int) -> None:
    assert api_client.record(ALICE | {"points": -1, "kind": kind}).status_code == status


def test_below_zero_where_the_reserve_allows_it(api_client: ApiClient, add_reserve: Callable[..., None]) -> None:
    add_reserve("credit", may_go_below_zero=True)
    assert api_client.record(ALICE | {"points": -1, "reserve": "credit"}).status_code == 201


def test_the_same_ref_again_changes_nothing(api_client: ApiClient) -> None:
    first = api_client.record(ALICE | {"points": 5, "ref": "order-1"})
    again = api_client.record({"customer": "ALICE@example.test", "points": 5, "ref": "order-1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json["movement"] == first.json["movement"] | {"status": "duplicate"}
    assert api_client.points("alice@example.test") == 5


@pytest.mark.parametrize("other", [{"points": 6}, {"customer": "bob@example.test"}, {"kind": "manual"}])
def test_the_same_ref_with_other_content_is_a_conflict(api_client: ApiClient, other: dict[str, Any]) -> None:
    api_client.record(ALICE | {"points": 5, "ref": "order-1"})
    answer = api_client.record(ALICE | {"points": 5, "ref": "order-1"} | other)
    assert answer.status_code == 409
    assert answer.json["error"]["code"] == "ref_conflict"
    assert "ref" in answer.json["error"]["fields"]
    assert api_client.points("alice@example.test") == 5


def test_refs_belong_to_the_key(app: Flask, api_client: ApiClient) -> None:
    api_client.record(ALICE | {"points": 5, "ref": "order-1"})
    assert create_api_client(app, "till").record(ALICE | {"points": 7, "ref": "order-1"}).status_code == 201
    assert api_client.points("alice@example.test") == 12


def test_a_ref_twice_in_one_list_is_recorded_once(api_client: ApiClient) -> None:
    answer = api_client.record({"movements": [ALICE | {"points": 5, "ref": "a"}] * 2})
    assert [each["status"] for each in answer.json["movements"]] == ["recorded", "duplicate"]
    assert api_client.points("alice@example.test") == 5


def test_a_set_becomes_the_difference(api_client: ApiClient) -> None:
    api_client.record(ALICE | {"points": 30})
    movement = api_client.record(ALICE | {"set": 100}).json["movement"]
    assert (movement["points"], movement["balance"], movement["kind"]) == (70, 100, "manual")


def test_a_set_that_changes_nothing(api_client: ApiClient) -> None:
    first = api_client.record(ALICE | {"points": 30})
    answer = api_client.record(ALICE | {"set": 30})
    assert answer.status_code == 200
    assert (answer.json["movement"]["id"], answer.json["movement"]["status"]) == (None, "unchanged")
    assert answer.json["movement"]["origin"] == first.json["movement"]["origin"]
    msgspec.convert(answer.json, RecordedOne)


def test_a_repeated_set_without_effect_stays_without_effect(api_client: ApiClient) -> None:
    api_client.record(ALICE | {"points": 30})
    api_client.record(ALICE | {"set": 30, "ref": "stocktaking"})
    api_client.record(ALICE | {"points": 5})
    assert api_client.record(ALICE | {"set": 30, "ref": "stocktaking"}).status_code == 200
    assert api_client.points("alice@example.test") == 35


def test_null_counts_as_left_out(api_client: ApiClient) -> None:
    names = ("set", "reserve", "kind", "reason", "ref", "at")
    answer = api_client.record(ALICE | {"points": 5} | dict.fromkeys(names))
    assert answer.status_code == 201
    plain = api_client.record(ALICE | {"points": 5}).json["movement"]
    same = ("reserve", "kind", "reason", "ref")
    assert {name: answer.json["movement"][name] for name in same} == {name: plain[name] for name in same}
    assert api_client.record(ALICE | {"points": None, "set": 5}).status_code == 201


def test_the_description_says_what_null_means(stranger: ApiClient) -> None:
    schema = stranger.get("/openapi.json").json["components"]["schemas"]["NewMovement"]
    assert "null counts as left out" in schema["description"]
    for name, field in schema["properties"].items():
        assert ("null" in str(field)) == (name != "customer"), name
