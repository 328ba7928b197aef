"""`/customers/…/rename`, `/aliases`, `/unmerge` and `/customers/merge`."""

from flask import Flask
from werkzeug.test import TestResponse

from pointsync import clock, db
from pointsync.ledger.people import find_alike
from tests.api.api_clients import ApiClient

ALICE, BOB, NEW = "alice@example.test", "bob@example.test", "alice@new.test"


def test_a_renamed_customer(api_client: ApiClient) -> None:
    api_client.record({"customer": ALICE, "points": 5})
    for _ in range(2):  # a repeated call changes nothing
        answer = api_client.post(f"/customers/{ALICE}/rename", {"to": NEW.upper()})
        assert answer.status_code == 200, answer.text
        assert answer.json == {"customer": NEW, "balances": [{"reserve": "default", "points": 5}]}
    api_client.record({"customer": ALICE, "points": 2})
    assert api_client.get(f"/customers/{ALICE}").json["customer"] == NEW
    assert api_client.points(NEW) == 7
    page = api_client.get(f"/customers/{ALICE}/movements").json
    assert [each["points"] for each in page["movements"]] == [2, 5]


def test_pages_of_a_customer_with_two_addresses(api_client: ApiClient) -> None:
    for email, points in ((ALICE, 1), (BOB, 2), (ALICE, 3), (BOB, 4)):
        api_client.record({"customer": email, "points": points})
    assert api_client.post("/customers/merge", {"from": ALICE, "into": BOB}).status_code == 200
    seen, cursor = [], ""
    while True:
        page = api_client.get(f"/customers/{BOB}/movements?limit=2{cursor}").json
        seen += [each["points"] for each in page["movements"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == [4, 3, 2, 1]


def test_a_rename_to_the_address_of_somebody_else(api_client: ApiClient) -> None:
    for email in (ALICE, BOB):
        api_client.record({"customer": email, "points": 5})
    for path in ("rename", "aliases"):
        answer = api_client.post(f"/customers/{ALICE}/{path}", {"to": BOB})
        assert (answer.status_code, answer.json["error"]["code"]) == (409, "customer_exists")
        assert list(answer.json["error"]["fields"]) == ["to"]


def test_merged_and_taken_apart(api_client: ApiClient) -> None:
    for email, points in ((ALICE, 5), (BOB, 7)):
        api_client.record({"customer": email, "points": points})
    body = {"from": ALICE, "into": BOB}
    assert api_client.post("/customers/merge", body).json["balances"] == [{"reserve": "default", "points": 12}]
    assert api_client.post("/customers/merge", body).json["error"]["code"] == "same_customer"
    balances = api_client.post("/balances", {"customers": [ALICE, BOB]}).json["customers"]
    assert [each["balances"][0]["points"] for each in balances] == [12, 12]
    unmerged = api_client.post(f"/customers/{ALICE}/unmerge", {}).json
    assert (unmerged["customer"]["customer"], unmerged["other"]["customer"]) == (ALICE, BOB)
    assert (api_client.points(ALICE), api_client.points(BOB)) == (5, 7)
    answer = api_client.post(f"/customers/{ALICE}/unmerge", {})
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "unknown_merge")


def test_what_is_no_address(api_client: ApiClient) -> None:
    api_client.record({"customer": ALICE, "points": 5})
    assert list(api_client.post(f"/customers/{ALICE}/rename", {"to": "nobody"}).json["error"]["fields"]) == ["to"]
    assert list(api_client.post(f"/customers/{ALICE}/rename", {"to": 1}).json["error"]["fields"]) == ["to"]
    assert api_client.post(f"/customers/{BOB}/rename", {"to": NEW}).status_code == 404
    assert api_client.post("/customers/merge", {"from": ALICE}).status_code == 422
    assert api_client.post("/customers/merge", {"from": ALICE, "into": BOB}).status_code == 404


def test_duplicates(app: Flask, api_client: ApiClient) -> None:
    for email in (ALICE, BOB, "ali.ce@example.test"):
        api_client.record({"customer": email, "points": 5})
    assert api_client.get("/customers/duplicates").json == {"duplicates": [], "next": None, "not_compared": 3}
    with app.app_context():
        db.run_in_transaction(lambda session: find_alike.process_next_chunk(session, clock.now()))
    api_client.post(f"/customers/{ALICE}/rename", {"to": BOB})
    first = api_client.get("/customers/duplicates?limit=1").json
    second = api_client.get(f"/customers/duplicates?cursor={first['next']}").json
    found = [(each["first"], each["second"], each["reason"]) for page in (first, second) for each in page["duplicates"]]
    assert found == [(ALICE, BOB, "asked"), (ALICE, "ali.ce@example.test", "alike")]
    assert (second["next"], second["not_compared"]) == (None, 0)
    assert api_client.get("/customers/duplicates?cursor=x").status_code == 422


def test_what_is_held(api_client: ApiClient) -> None:
    def get(email: str, query: str = "", accept: str = "*/*") -> TestResponse:
        headers = api_client.headers | {"Accept": accept}
        return api_client.client.get(f"/api/v1/customers/{email}/report{query}", headers=headers, buffered=True)

    api_client.record({"customer": ALICE, "points": 5, "reason": "Tea"})
    api_client.post(f"/customers/{ALICE}/rename", {"to": NEW})
    document = get(ALICE).json
    assert document["customer"] == NEW
    [site] = document["sites"]
    assert [each["reason"] for each in site["parts"]["movements"]] == ["Tea"]
    for answer in (get(ALICE, "?format=csv"), get(ALICE, accept="text/csv")):
        assert answer.mimetype == "text/csv"
        assert "reason: Tea" in answer.text
    assert len(get(ALICE, "?sites=all").json["sites"]) == 1
    for query in ("?format=pdf", "?sites=some", "?format=csv&format=json"):
        assert get(ALICE, query).status_code == 422
    assert get(BOB).status_code == 404
    assert get(BOB, "?sites=all").status_code == 200
