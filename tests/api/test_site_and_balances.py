"""`GET /site` and `POST /balances`."""

from typing import Any

import pytest
from flask import Flask

import pointsync
from tests.api.api_clients import ApiClient
from tests.support.queries import record_queries

ALICE, BOB = "alice@example.test", "bob@example.test"


def ask(client: ApiClient, body: Any) -> Any:
    return client.client.post("/api/v1/balances", json=body, headers=client.headers)


def test_the_site_and_its_hooks(api_client: ApiClient, add_hook: Any) -> None:
    found = api_client.get("/site").json
    assert found["auth"].startswith("wrk_")
    assert found["name"]
    assert (found["version"], found["hooks"]) == (pointsync.__version__, [])
    add_hook("mugs").order()
    [hook] = api_client.get("/site").json["hooks"]
    assert hook == {"name": "mugs", "reserve": "default", "rule": "orders", "shop": "shop.test", "key_shop": None} | {
        "shop": hook["shop"]
    }


def test_known_and_unknown_customers_in_their_order(api_client: ApiClient, add_reserve: Any) -> None:
    add_reserve("gold")
    api_client.record({"customer": ALICE, "points": 5})
    api_client.record({"customer": ALICE, "points": 7, "reserve": "gold"})
    answer = ask(api_client, {"customers": [BOB, "ALICE@example.test", ALICE]})
    assert answer.status_code == 200
    alice = {
        "customer": ALICE,
        "known": True,
        "balances": [{"reserve": "default", "points": 5}, {"reserve": "gold", "points": 7}],
    }
    assert answer.json == {"customers": [{"customer": BOB, "known": False, "balances": []}, alice, alice]}


def test_a_thousand_customers_cost_a_few_queries(app: Flask, api_client: ApiClient) -> None:
    emails = [f"c{number}@example.test" for number in range(1000)]
    api_client.record({"movements": [{"customer": each, "points": 1} for each in emails]})
    with app.app_context(), record_queries() as queries:
        answer = ask(api_client, {"customers": emails})
    assert [each["balances"][0]["points"] for each in answer.json["customers"]] == [1] * 1000
    assert len(queries) < 15


WRONG: list[tuple[Any, str]] = [
    ({}, "customers"),
    *(({"customers": each}, "customers") for each in ([], None, ALICE, [5], {}, [ALICE] * 1001)),
    ({"customers": [ALICE, "alice"]}, "customers[1]"),
    ({"customers": ["a\0@example.test"]}, "customers[0]"),
    ({"customers": [ALICE], "reserve": "default"}, "reserve"),
]


@pytest.mark.parametrize(("body", "field"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_body(api_client: ApiClient, body: Any, field: str) -> None:
    answer = ask(api_client, body)
    assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, [field])


@pytest.mark.parametrize("body", [[], 5, None, "a"])
def test_what_is_no_object(api_client: ApiClient, body: Any) -> None:
    assert ask(api_client, body).status_code == 422


def test_many_wrong_addresses(api_client: ApiClient) -> None:
    assert len(ask(api_client, {"customers": ["x"] * 1000}).json["error"]["fields"]) == 20
