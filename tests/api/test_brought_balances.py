"""`POST /balances/bring`: what customers had in another program counts once, whichever shops bring it."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from pointsync import db
from pointsync.models import Movement
from tests.api.api_clients import ApiClient, create_api_client

ALICE, BOB = "alice@example.test", "bob@example.test"


def bring(shop: ApiClient, balances: Any, **more: Any) -> Any:
    return shop.post("/balances/bring", {"program": "myrewards", "was_in_step": True, "balances": balances, **more})


def statuses(answer: Any) -> list[str]:
    return [each["status"] for each in answer.json["results"]]


def test_shops_that_were_in_step_bring_the_same_points_once(app_on_each_database: Flask) -> None:
    balances = [{"customer": ALICE, "points": 100}, {"customer": BOB, "points": "7"}]
    shops = [create_api_client(app_on_each_database, name) for name in ("mugs", "cups", "tea")]
    assert [bring(shop, balances).status_code for shop in shops] == [201, 200, 200]
    assert statuses(bring(shops[0], balances)) == ["duplicate", "duplicate"]
    assert (shops[0].points(ALICE), shops[2].points(BOB)) == (100, 7)
    with app_on_each_database.app_context():
        rows = db.session.execute(select(Movement.kind, Movement.source)).all()
    assert rows == [("opening", "opening")] * 2


def test_another_shop_has_other_points(app: Flask) -> None:
    first, second = create_api_client(app, "mugs"), create_api_client(app, "cups")
    bring(first, [{"customer": ALICE, "points": 100}])
    answer = bring(second, [{"customer": ALICE, "points": 120}, {"customer": BOB, "points": 5}])
    assert statuses(answer) == ["refused", "recorded"]
    error = answer.json["results"][0]["error"]
    assert error["code"] == "ref_conflict"
    assert "100 points of alice@example.test from myrewards were recorded before" in error["message"]
    assert first.points(ALICE) == 100


def test_points_of_two_programs_are_added_up(api_client: ApiClient) -> None:
    bring(api_client, [{"customer": ALICE, "points": 100}])
    assert statuses(bring(api_client, [{"customer": ALICE, "points": 100}], program="old-list")) == ["recorded"]
    assert api_client.points(ALICE) == 200


def test_points_of_shops_that_were_not_in_step_are_new_points_of_each(app: Flask) -> None:
    first, second = create_api_client(app, "mugs"), create_api_client(app, "cups")
    for shop in (first, second):
        assert statuses(bring(shop, [{"customer": ALICE, "points": 100}], was_in_step=False)) == ["recorded"]
        assert statuses(bring(shop, [{"customer": ALICE, "points": 100}], was_in_step=False)) == ["duplicate"]
    assert statuses(bring(first, [{"customer": ALICE, "points": 100}])) == ["duplicate"], "not in another way either"
    assert first.points(ALICE) == 200
    with app.app_context():
        assert set(db.session.scalars(select(Movement.kind))) == {"import"}


def test_a_customer_with_several_addresses(api_client: ApiClient) -> None:
    bring(api_client, [{"customer": ALICE, "points": 100}])
    assert api_client.post(f"/customers/{ALICE}/rename", {"to": BOB}).status_code == 200
    for address in (ALICE, BOB, ALICE.upper()):
        assert statuses(bring(api_client, [{"customer": address, "points": 100}])) == ["duplicate"], address


def test_a_dry_run_says_what_would_happen(app: Flask, api_client: ApiClient) -> None:
    bring(api_client, [{"customer": ALICE, "points": 100}])
    balances = [{"customer": each, "points": 100} for each in (ALICE, BOB, "no address")]
    answer = bring(api_client, [*balances, {"customer": BOB, "points": 1, "reserve": "none"}], dry_run=True)
    assert statuses(answer) == ["duplicate", "new", "refused", "refused"]
    assert [each.get("balance") for each in answer.json["results"]] == [100, 0, None, None]
    assert list(answer.json["results"][2]["error"]["fields"]) == ["customer"]
    assert answer.json["results"][3]["error"]["code"] == "unknown_reserve"
    assert api_client.points(BOB) == 0
    long = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.test"
    answer = bring(api_client, [{"customer": long, "points": 1}, {"customer": BOB, "points": 1, "reserve": "a\x01"}])
    assert [list(each["error"]["fields"]) for each in answer.json["results"]] == [["customer"], ["reserve"]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"program": "My Rewards"}, "program"),
        ({"program": 5}, "program"),
        ({"was_in_step": "yes"}, "was_in_step"),
        ({"balances": []}, "balances"),
        ({"balances": [{"customer": ALICE, "points": 1}] * 1001}, "balances"),
        ({"balances": [{"customer": ALICE}]}, "balances[0].points"),
        ({"balances": [{"customer": ALICE, "points": "1.000"}]}, "balances[0].points"),
        ({"balances": [5]}, "balances[0]"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_wrong_is_named(api_client: ApiClient, change: dict[str, Any], field: str) -> None:
    answer = bring(api_client, [{"customer": ALICE, "points": 1}])
    assert answer.status_code == 201
    body = {"program": "myrewards", "was_in_step": True, "balances": [{"customer": BOB, "points": 1}]} | change
    answer = api_client.post("/balances/bring", body)
    assert answer.status_code == 422
    assert list(answer.json["error"]["fields"]) == [field]
    assert api_client.points(BOB) == 0
