"""Only a valid API key may call the shop API."""

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.accounts import api_keys
from pointsync.errors import Conflict, InvalidInput, NotFound
from tests.api.api_clients import ApiClient, create_api_client

CALLS = ["/customers/alice@example.test", "/customers/alice@example.test/movements", "/reserves", "/remotes"]


@pytest.mark.parametrize("path", CALLS)
def test_a_stranger_is_refused(stranger: ApiClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 401
    assert answer.json["error"]["code"] == "unauthorized"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_stranger_records_nothing(stranger: ApiClient, api_client: ApiClient) -> None:
    assert stranger.record({"customer": "alice@example.test", "points": 5}).status_code == 401
    assert api_client.get("/customers/alice@example.test").status_code == 404


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer psk_wrong", "Bearer \xff\xfe", "psk_wrong", "Bearer a b"],
)
def test_other_headers_are_not_a_key(app: Flask, header: str) -> None:
    answer = app.test_client().get("/api/v1/reserves", headers={"Authorization": header})
    assert answer.status_code == 401


def test_cookies_and_identity_headers_count_for_nothing(app: Flask) -> None:
    client = app.test_client()
    client.set_cookie("pointsync_session", "anything")
    answer = client.get("/api/v1/reserves", headers={"Remote-User": "admin", "X-Forwarded-User": "admin"})
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers


def test_a_revoked_key_is_refused_and_its_name_may_be_used_again(app: Flask, api_client: ApiClient) -> None:
    api_client.record({"customer": "alice@example.test", "points": 5, "ref": "order-1"})
    with app.app_context():
        db.run_in_transaction(lambda session: api_keys.revoke(session, "web-shop", clock.now()))
    assert api_client.get("/reserves").status_code == 401

    again = create_api_client(app).record({"customer": "alice@example.test", "points": 5, "ref": "order-1"})
    assert again.json["movement"]["status"] == "duplicate"


@pytest.mark.parametrize("name", ["", "two words", "a" * 65, "é", "a\n", "a/b"])
def test_an_invalid_name_is_refused(app: Flask, name: str) -> None:
    with app.app_context(), pytest.raises(InvalidInput):
        db.run_in_transaction(lambda session: api_keys.create(session, name, clock.now()))


def test_a_live_name_is_taken(app: Flask, api_client: ApiClient) -> None:
    with app.app_context(), pytest.raises(Conflict, match="revoke that key first"):
        db.run_in_transaction(lambda session: api_keys.create(session, "web-shop", clock.now()))


def test_only_a_live_key_can_be_revoked(app: Flask) -> None:
    with app.app_context(), pytest.raises(NotFound, match="no active key"):
        db.run_in_transaction(lambda session: api_keys.revoke(session, "other", clock.now()))


def test_wrong_keys_are_slowed_down_and_the_right_one_never(app: Flask, api_client: ApiClient) -> None:
    guesser = ApiClient(app.test_client(), "psk_guess")
    statuses = [guesser.get("/reserves").status_code for _ in range(40)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    refused = guesser.get("/reserves")
    assert refused.json["error"]["code"] == "too_many"
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert api_client.get("/reserves").status_code == 200


def test_another_address_is_not_slowed_down(app: Flask) -> None:
    guesser = ApiClient(app.test_client(), "psk_guess")
    for _ in range(40):
        guesser.get("/reserves")
    assert guesser.get("/reserves", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 401


def test_many_calls_with_a_key_are_not_limited(api_client: ApiClient) -> None:
    assert {api_client.get("/reserves").status_code for _ in range(60)} == {200}
