"""`GET /customers/…`: balances, and pages of movements."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.ledger import reserves
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.rule import TRANSACTIONAL, make_period_rule
from tests.api.api_clients import ApiClient

ALICE = "alice@example.test"
MOVEMENTS = f"/customers/{ALICE}/movements"


def test_balances_in_each_reserve(api_client: ApiClient, add_reserve: Callable[..., None]) -> None:
    add_reserve("gold")
    api_client.record(
        {"movements": [{"customer": ALICE, "points": 5}, {"customer": ALICE, "points": 7, "reserve": "gold"}]}
    )
    answer = api_client.get(f"/customers/{ALICE}")
    balances = [{"reserve": "default", "points": 5}, {"reserve": "gold", "points": 7}]
    assert answer.json == {"customer": ALICE, "balances": balances}


def test_an_unknown_customer(api_client: ApiClient) -> None:
    for path in (f"/customers/{ALICE}", MOVEMENTS):
        answer = api_client.get(path)
        assert answer.status_code == 404
        assert answer.json["error"]["code"] == "unknown_customer"


@pytest.mark.parametrize(
    ("stored", "requested"),
    [
        ("a+b@example.test", "a+b@example.test"),
        ("a+b@example.test", "a%2Bb@example.test"),
        ("a%2bb@example.test", "a%252Bb@example.test"),
        ("alice@example.test", "ALICE%40Example.TEST"),
        ("alice@example.test", "%20alice@example.test%20"),
        ("a/b@example.test", "a/b@example.test"),
        ("a/b@example.test", "a%2Fb@example.test"),
        ("a//b@example.test", "a//b@example.test"),
        ("/a@example.test", "%2Fa@example.test"),
        ("movements/movements@example.test", "movements%2Fmovements@example.test"),
        ("zoë@example.test", "zo%C3%AB@example.test"),
        ("zoë@bücher.example", "zoe%CC%88@xn--bcher-kva.example"),
        ("o'neil?#@example.test", "o'neil%3F%23@example.test"),
    ],
)
def test_an_address_in_the_path_is_decoded_once(api_client: ApiClient, stored: str, requested: str) -> None:
    assert api_client.record({"customer": stored, "points": 5}).status_code == 201
    assert api_client.get(f"/customers/{requested}").json["balances"] == [{"reserve": "default", "points": 5}]
    assert len(api_client.get(f"/customers/{requested}/movements").json["movements"]) == 1


@pytest.mark.parametrize("path", ["alice", "%zz", "%00", "%ff%fe@example.test", "%", "a%0a@example.test", "%ED%A0%80"])
def test_an_invalid_address(api_client: ApiClient, path: str) -> None:
    for rest in ("", "/movements"):
        answer = api_client.get(f"/customers/{path}{rest}")
        assert answer.status_code == 422
        assert "customer" in answer.json["error"]["fields"]


def test_pages_newest_first(api_client: ApiClient) -> None:
    api_client.record({"movements": [{"customer": ALICE, "points": number} for number in range(1, 131)]})
    seen, cursor, sizes = [], "", []
    while cursor is not None:
        page = api_client.get(f"{MOVEMENTS}{cursor}").json
        seen += [each["points"] for each in page["movements"]]
        sizes.append(len(page["movements"]))
        cursor = page["next"] and f"?cursor={page['next']}"
    assert seen == list(range(130, 0, -1))
    assert sizes == [50, 50, 30]


def test_pages_stay_in_step_while_movements_arrive(api_client: ApiClient) -> None:
    api_client.record({"movements": [{"customer": ALICE, "points": number} for number in range(1, 11)]})
    first = api_client.get(f"{MOVEMENTS}?limit=4").json
    api_client.record({"movements": [{"customer": ALICE, "points": 100}] * 3})
    second = api_client.get(f"{MOVEMENTS}?limit=4&cursor={first['next']}").json
    assert [each["points"] for each in first["movements"] + second["movements"]] == [10, 9, 8, 7, 6, 5, 4, 3]


def test_pages_of_one_reserve(api_client: ApiClient, add_reserve: Callable[..., None]) -> None:
    add_reserve("gold")
    for number in range(1, 7):
        api_client.record({"customer": ALICE, "points": number, "reserve": "gold" if number % 2 else "default"})
    first = api_client.get(f"{MOVEMENTS}?reserve=gold&limit=2").json
    second = api_client.get(f"{MOVEMENTS}?reserve=gold&limit=2&cursor={first['next']}").json
    assert [each["points"] for each in first["movements"] + second["movements"]] == [5, 3, 1]
    assert second["next"] is None


@pytest.mark.parametrize(
    "query",
    [
        *(
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=x",
            "limit=",
            "limit=1&limit=2",
            f"limit={10**30}",
            "limit=%C2%B2",
        ),
        *("cursor=0", "cursor=-1", "cursor=x", "cursor=", "cursor=1.5", f"cursor={10**30}", "cursor=%00", "cursor=%ff"),
    ],
)
def test_an_invalid_limit_or_cursor(api_client: ApiClient, query: str) -> None:
    api_client.record({"customer": ALICE, "points": 5})
    answer = api_client.get(f"{MOVEMENTS}?{query}")
    assert answer.status_code == 422
    assert list(answer.json["error"]["fields"]) == [query.split("=")[0]]


@pytest.mark.parametrize("reserve", ["nowhere", "", "%00", "%ff"])
def test_an_unknown_reserve(api_client: ApiClient, reserve: str) -> None:
    api_client.record({"customer": ALICE, "points": 5})
    answer = api_client.get(f"{MOVEMENTS}?reserve={reserve}")
    assert answer.status_code == 404
    assert answer.json["error"]["code"] == "unknown_reserve"


def test_what_expires(app: Flask, api_client: ApiClient) -> None:
    api_client.record({"customer": ALICE, "points": 50})
    path = f"/customers/{ALICE}/expiring"
    assert api_client.get(path).json == {"customer": ALICE, "reserve": "default", "expiring": []}
    today = clock.now().date()
    with app.app_context(), db.transaction() as session:
        rule = make_period_rule(TRANSACTIONAL, 30, "days", today)
        rules.set_rule(session, reserves.get(session, "default"), rule)
    expected = [{"day": (today + timedelta(days=30)).isoformat(), "points": 50}]
    assert api_client.get(path).json["expiring"] == expected
    assert api_client.get(f"{path}?reserve=gold").status_code == 404
    assert api_client.get(f"{path}?reserve=a&reserve=b").status_code == 422
    assert api_client.get("/customers/nobody@example.test/expiring").status_code == 404
