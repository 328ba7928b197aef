"""Only a valid API key may call the shop API."""

from datetime import timedelta

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.accounts import api_keys
from pointsync.errors import Conflict, InvalidInput, NotFound
from tests.api.api_clients import ApiClient, create_api_client
from tests.support.moving_clock import MovingClock

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


SALE = {"customer": "alice@example.test", "points": 5, "ref": "order-1"}


def rotate(app: Flask, name: str = "web-shop", **options: int) -> ApiClient:
    """A caller with the new key."""
    with app.app_context():
        _, key = db.run_in_transaction(lambda session: api_keys.rotate(session, name, clock.now(), **options))
    return ApiClient(app.test_client(), key)


def create_key(app: Flask, name: str, **options: str) -> ApiClient:
    """A caller with another key."""
    with app.app_context():
        _, key = db.run_in_transaction(lambda session: api_keys.create(session, name, clock.now(), **options))
    return ApiClient(app.test_client(), key)


def test_a_rotated_key_loses_no_refs(app: Flask, api_client: ApiClient) -> None:
    hold = {"customer": "alice@example.test", "points": 3, "ref": "cart-1", "until": "2999-01-01T00:00:00Z"}
    assert api_client.record(SALE).json["movement"]["status"] == "recorded"
    hold["until"] = clock.to_text(clock.now() + timedelta(hours=1))
    assert api_client.client.post("/api/v1/holds", json=hold, headers=api_client.headers).status_code == 201
    renewed = rotate(app)
    assert api_client.record(SALE).status_code == 401, "the old key ends at once"
    assert renewed.record(SALE).json["movement"]["status"] == "duplicate"
    assert renewed.get("/holds/cart-1").json["hold"]["points"] == 3
    assert renewed.points("alice@example.test") == 5


def test_the_old_key_works_for_a_while(app: Flask, api_client: ApiClient, moving_clock: MovingClock) -> None:
    api_client.record(SALE)
    renewed = rotate(app, keep_old_hours=2)
    moving_clock.advance(timedelta(hours=2) - timedelta(seconds=1))
    assert [each.record(SALE).status_code for each in (api_client, renewed)] == [200, 200]
    moving_clock.advance(timedelta(seconds=1))
    assert [each.record(SALE).status_code for each in (api_client, renewed)] == [401, 200]
    again = rotate(app, keep_old_hours=2)
    assert rotate(app, keep_old_hours=2).record(SALE).status_code == 200
    assert [each.record(SALE).status_code for each in (renewed, again)] == [401, 200], "the one before the last ends"
    with app.app_context():
        db.run_in_transaction(lambda session: api_keys.revoke(session, "web-shop", clock.now()))
    assert again.record(SALE).status_code == 401


@pytest.mark.parametrize("hours", [-1, 721])
def test_an_old_key_ends_within_a_month(app: Flask, api_client: ApiClient, hours: int) -> None:
    with pytest.raises(InvalidInput):
        rotate(app, keep_old_hours=hours)
    assert api_client.get("/reserves").status_code == 200


def test_refs_belong_to_the_shop(app: Flask, api_client: ApiClient) -> None:
    api_client.record(SALE)
    till = create_key(app, "till", shop="web-shop")
    assert till.record(SALE).json["movement"]["status"] == "duplicate"
    assert create_key(app, "other", shop="other").record(SALE).json["movement"]["status"] == "recorded"
    with app.app_context():
        db.run_in_transaction(lambda session: api_keys.revoke(session, "till", clock.now()))
    assert create_key(app, "till").record(SALE).json["movement"]["status"] == "duplicate", "it keeps its shop"


def revoke(app: Flask, name: str) -> None:
    with app.app_context():
        db.run_in_transaction(lambda session: api_keys.revoke(session, name, clock.now()))


@pytest.mark.parametrize("is_revoked_first", [True, False])
@pytest.mark.parametrize("name", ["web-shop-2", "new", "till"])
def test_another_key_belongs_to_the_only_shop(
    app: Flask, api_client: ApiClient, name: str, is_revoked_first: bool
) -> None:
    """A call whose answer was lost is sent again with the key that replaces the first one."""
    api_client.record(SALE)
    if is_revoked_first:
        revoke(app, "web-shop")
    renewed = create_key(app, name)
    if not is_revoked_first:
        revoke(app, "web-shop")
    again = renewed.record(SALE)
    assert (again.json["movement"]["status"], again.json["movement"]["balance"]) == ("duplicate", 5)


def test_without_a_shop_a_key_gets_its_own_beside_several(app: Flask, api_client: ApiClient) -> None:
    create_key(app, "till", shop="till")
    with app.app_context():
        assert api_keys.default_shop(db.session(), "third") == "third"
        assert api_keys.default_shop(db.session(), "till") == "till"
    revoke(app, "web-shop")
    with app.app_context():
        assert api_keys.default_shop(db.session(), "third") == "till", "the only one with a key that is not revoked"


def test_an_invalid_shop_is_refused(app: Flask) -> None:
    with pytest.raises(InvalidInput) as found:
        create_key(app, "till", shop="two words")
    assert list(found.value.fields) == ["shop"]


@pytest.mark.parametrize("name", ["", "two words", "a" * 65, "é", "a\n", "a/b"])
def test_an_invalid_name_is_refused(app: Flask, name: str) -> None:
    with app.app_context(), pytest.raises(InvalidInput):
        db.run_in_transaction(lambda session: api_keys.create(session, name, clock.now()))


def test_a_live_name_is_taken(app: Flask, api_client: ApiClient) -> None:
    with app.app_context(), pytest.raises(Conflict, match="rotate or revoke that key"):
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
