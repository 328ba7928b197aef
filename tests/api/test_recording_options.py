"""`done`, `on_error: continue` and opening balances."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from pointsync import clock, db
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.models import Customer, Movement
from tests.api.api_clients import ApiClient, create_api_client

ALICE, BOB = "alice@example.test", "bob@example.test"
GOOD = {"customer": ALICE, "points": 5}


def continue_with(*movements: Any) -> dict[str, Any]:
    return {"movements": list(movements), "on_error": "continue"}


def test_what_has_happened_may_go_below_zero_and_is_flagged(app: Flask, api_client: ApiClient) -> None:
    spent = {"customer": ALICE, "points": -5, "ref": "till-1"}
    assert api_client.record(spent).status_code == api_client.record(spent | {"done": False}).status_code == 409
    answer = api_client.record(spent | {"done": True})
    assert (answer.status_code, answer.json["movement"]["balance"]) == (201, -5)
    assert api_client.record(spent | {"done": True}).status_code == api_client.record(spent).status_code == 200
    with app.app_context():
        assert db.session.scalars(select(Movement.below_zero)).all() == [True]


def test_an_opening_balance_stays_here(api_client: ApiClient) -> None:
    answer = api_client.record({"customer": ALICE, "points": 500, "kind": "opening", "ref": "opening:alice"})
    assert (answer.status_code, answer.json["movement"]["kind"]) == (201, "opening")
    answer = api_client.record({"customer": BOB, "set": 20, "kind": "opening"})
    assert answer.json["movement"]["points"] == 20


def test_one_result_for_each_movement(app_on_each_database: Flask) -> None:
    shop = create_api_client(app_on_each_database)
    shop.record({"customer": ALICE, "points": 10, "ref": "a"})
    answer = shop.record(
        continue_with(
            {"customer": ALICE, "points": -11, "ref": "b"},
            {"customer": ALICE, "points": 5, "ref": "c"},
            {"customer": ALICE, "points": -11, "ref": "d"},
            {"customer": ALICE, "points": 10, "ref": "a"},
            {"customer": ALICE, "points": 11, "ref": "a"},
            {"customer": "nobody", "points": 0, "ref": "e"},
            {"customer": ALICE, "points": "five"},
            5,
            {"customer": ALICE, "set": 4},
            {"customer": ALICE, "points": 2_000_000_000},
            {"customer": BOB, "points": -1, "ref": "f"},
            {"customer": BOB, "points": 3, "reserve": "nowhere"},
        )
    )
    assert answer.status_code == 201
    found = answer.json["movements"]
    assert [each["status"] for each in found] == [
        *("refused", "recorded", "recorded", "duplicate", "refused", "refused", "refused", "refused"),
        *("unchanged", "refused", "refused", "refused"),
    ]
    assert [(each["ref"], each["error"]["code"]) for each in found if each["status"] == "refused"] == [
        ("b", "insufficient_points"),
        ("a", "ref_conflict"),
        ("e", "invalid"),
        (None, "invalid"),
        (None, "invalid"),
        (None, "invalid"),
        ("f", "insufficient_points"),
        (None, "unknown_reserve"),
    ]
    assert list(found[0]["error"]["fields"]) == ["points"]
    assert list(found[5]["error"]["fields"]) == ["customer", "points"]
    assert (found[2]["balance"], shop.points(ALICE)) == (4, 4)
    assert shop.get(f"/customers/{BOB}").status_code == 404, "a refused movement creates no customer"


def test_all_are_refused(app: Flask, api_client: ApiClient) -> None:
    answer = api_client.record(continue_with({"customer": BOB, "points": -1}, {}))
    assert (answer.status_code, [each["status"] for each in answer.json["movements"]]) == (200, ["refused"] * 2)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Customer)) == 0


def test_a_new_customer_spends_what_an_earlier_movement_gives(api_client: ApiClient) -> None:
    answer = api_client.record(continue_with({"customer": BOB, "points": 5}, {"customer": BOB, "points": -5}))
    assert [each["balance"] for each in answer.json["movements"]] == [5, 0]


def test_a_list_is_all_or_none_by_default(api_client: ApiClient) -> None:
    body = {"movements": [{"customer": ALICE, "points": 5}, {"customer": ALICE, "points": -6}]}
    for more in ({}, {"on_error": None}, {"on_error": "stop"}):
        assert api_client.record(body | more).status_code == 409
    assert api_client.points(ALICE) == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (continue_with(), "movements"),
        ({"movements": 5, "on_error": "continue"}, "movements"),
        (continue_with(GOOD) | {"on_error": "go on"}, "on_error"),
        (continue_with(GOOD) | {"on_error": True}, "on_error"),
        (continue_with(GOOD) | {"on_error": []}, "on_error"),
        (continue_with(GOOD) | {"onerror": "continue"}, "onerror"),
        ({"customer": ALICE, "points": 5, "on_error": "continue"}, "on_error"),
        ({"customer": ALICE, "points": 5, "done": "yes"}, "done"),
        ({"customer": ALICE, "points": 5, "done": 1}, "done"),
    ],
)
def test_wrong_options(api_client: ApiClient, body: dict[str, Any], field: str) -> None:
    answer = api_client.record(body)
    assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, [field])


def test_a_thousand_movements_of_which_some_are_refused(api_client: ApiClient) -> None:
    movements = [{"customer": ALICE, "points": -1 if each % 3 else 1, "ref": str(each)} for each in range(1000)]
    found = api_client.record(continue_with(*movements)).json["movements"]
    assert [each["status"] for each in found[:4]] == ["recorded", "recorded", "refused", "recorded"]
    assert api_client.points(ALICE) == 1


def test_none_is_recorded_while_lost_movements_come_back(app: Flask, api_client: ApiClient) -> None:
    with app.app_context():
        db.run_in_transaction(lambda session: fetch_back.begin(session, clock.now()))
    answer = api_client.record(continue_with({"customer": ALICE, "points": 5, "ref": "a"}))
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "fetching_back")
