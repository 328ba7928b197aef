"""`DELETE /customers/…`, and the erasures."""

from flask import Flask

from pointsync import clock, db
from pointsync.ledger.people.erasure import erasures
from tests.api.api_clients import ApiClient

ALICE = "alice@example.test"


def test_a_request_waits_and_is_stopped(api_client: ApiClient) -> None:
    api_client.record({"customer": ALICE, "points": 5})
    answer = api_client.delete(f"/customers/{ALICE.upper()}")
    assert answer.status_code == 202, answer.text
    erasure = answer.json["erasure"]
    assert (erasure["state"], erasure["customer"], erasure["erased_at"]) == ("waiting", ALICE, None)
    assert api_client.delete(f"/customers/{ALICE}").json["erasure"]["id"] == erasure["id"], "repeated"
    assert [each["id"] for each in api_client.get("/erasures").json["erasures"]] == [erasure["id"]]
    stopped = api_client.delete(f"/erasures/{erasure['id']}").json["erasure"]
    assert (stopped["state"], stopped["customer"]) == ("stopped", None)
    assert api_client.points(ALICE) == 5
    assert api_client.get("/erasures/99").status_code == 404


def test_the_receipt_has_no_address(app: Flask, api_client: ApiClient) -> None:
    api_client.record({"customer": ALICE, "points": 5, "ref": "1"})
    with app.app_context(), db.transaction() as session:
        erasure_id = erasures.erase(session, ALICE, "ada", clock.now()).id
    receipt = api_client.get(f"/erasures/{erasure_id}")
    assert receipt.json["erasure"]["counts"]["movements"] == 1
    assert ALICE not in receipt.text
    assert api_client.get(f"/customers/{ALICE}").status_code == 404
    assert api_client.delete(f"/erasures/{erasure_id}").json["error"]["code"] == "erased"
    assert api_client.delete(f"/customers/{ALICE}").status_code == 404


def test_nothing_can_be_recorded_for_an_erased_person(app: Flask, api_client: ApiClient) -> None:
    api_client.record({"customer": ALICE, "points": 5, "ref": "1"})
    with app.app_context(), db.transaction() as session:
        erasures.erase(session, ALICE, "ada", clock.now())
    token = f"{'a' * 40}.77@erased.invalid"
    answer = api_client.post("/movements", {"customer": token, "points": 5})
    assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, ["customer"])
    hold = {"customer": token, "reserve": "default", "points": 1, "ref": "h", "until": "2100-01-01T00:00:00Z"}
    assert api_client.post("/holds", hold).status_code == 422


def test_a_shop_asks_whom_it_has_to_forget(app: Flask, api_client: ApiClient) -> None:
    api_client.record({"customer": ALICE, "points": 5})
    wanted = {"customers": ["bob@example.test", ALICE.upper(), "no address"]}
    assert api_client.post("/customers/erased", wanted).json == {"erased": []}
    with app.app_context(), db.transaction() as session:
        erasure = erasures.erase(session, ALICE, "ada", clock.now())
        assert erasure.effective_at is not None
        until = clock.to_text(erasure.effective_at)
    answer = {"erased": [{"customer": ALICE.upper(), "until": until}]}
    assert api_client.post("/customers/erased", wanted).json == answer
    api_client.record({"customer": ALICE, "points": 7})
    assert api_client.post("/customers/erased", wanted).json == answer, "the new customer is another one"
    assert api_client.post("/customers/erased", {"customers": []}).status_code == 422
