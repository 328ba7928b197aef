"""System › API keys: create keys, show them once, revoke them."""

import html
import itertools
import json
import re
import shlex
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.accounts import api_keys
from pointsync.models import ApiKey, Site
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors, main_text
from tests.support.moving_clock import MovingClock
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries

PAGE = "/system/api-keys"
ADD = f"{PAGE}/add"
KEY = re.compile(r"psk_[0-9A-Za-z_-]{43}")


def active_keys(app: Flask) -> dict[str, int]:
    """The ids of the active keys by name."""
    with app.app_context():
        return {each.name: each.id for each in api_keys.list_all(db.session())}


def create_keys(app: Flask, *names: str) -> list[int]:
    """Create keys with these names; their ids."""

    def prepare(session: Session) -> list[int]:
        return [api_keys.create(session, name, clock.now())[0].id for name in names]

    with app.app_context():
        return db.run_in_transaction(prepare)


def test_an_empty_list_says_how_to_start(ada: PanelClient) -> None:
    assert "No API keys yet. Press Add" in main_text(ada.get(PAGE).text)


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_key_is_shown_once_and_not_stored(app: Flask, ada: PanelClient) -> None:
    answer = ada.send(ADD, name=" web-shop ", scopes="record")
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Copy the key now. It is not shown again." in main_text(answer.text)
    assert 'data-sheet aria-labelledby="sheet-title"' in answer.text
    [key] = set(KEY.findall(answer.text))
    with app.app_context():
        assert api_keys.find(db.session(), key, clock.now()).name == "web-shop"  # type: ignore[union-attr]
        assert key not in repr(db.session.query(ApiKey.digest).all())
    assert "web-shop" in main_text(ada.get(PAGE).text)
    for path in (PAGE, ADD, f"{PAGE}/1/revoke", "/"):
        assert not KEY.search(ada.get(path).text)
    assert key not in "".join(str(each) for each in ada.client._cookies.values())


def test_in_a_dialog_the_answer_is_a_page_too(ada: PanelClient) -> None:
    token = ada.token(ADD)
    answer = ada.post(ADD, {"csrf_token": token, "name": "web-shop", "scopes": "read"}, headers={"X-Dialog": "1"})
    assert answer.status_code == 201
    assert KEY.search(answer.text)


@pytest.mark.parametrize("name", ["", "  ", "a b", "a" * 65, "a/b", "Łódź", "\0", "a\nb", "<b>", '"'])
def test_an_invalid_name(app: Flask, ada: PanelClient, name: str) -> None:
    answer = ada.send(ADD, name=name)
    assert answer.status_code == 422
    assert "A name needs 1 to 64 letters, digits" in field_errors(answer.text)["name"]
    assert active_keys(app) == {}
    assert not KEY.search(answer.text)


def test_the_form_keeps_its_values(ada: PanelClient) -> None:
    assert 'value="&lt;b&gt;&#34;' in ada.send(ADD, name='<b>"').text


def test_exactly_one_name_is_required(app: Flask, ada: PanelClient) -> None:
    assert ada.send(ADD).status_code == 422
    token = ada.token(ADD)
    broken = ada.post(ADD, f"csrf_token={token}&name=%ED%A0%80", content_type="application/x-www-form-urlencoded")
    assert broken.status_code == 422
    assert ada.send(ADD, name=["one", "two"], scopes="record").status_code == 201
    assert list(active_keys(app)) == ["one"]


def test_a_name_that_is_taken(app: Flask, ada: PanelClient) -> None:
    create_keys(app, "web-shop")
    answer = ada.send(ADD, name="web-shop", scopes="record")
    assert answer.status_code == 422
    assert "A key named web-shop already exists" in field_errors(answer.text)["name"]
    assert 'value="web-shop"' in answer.text
    assert len(active_keys(app)) == 1


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_key_is_revoked_after_confirmation(app: Flask, ada: PanelClient) -> None:
    key = KEY.search(ada.send(ADD, name="web-shop", scopes="record").text)
    assert key
    path = f"{PAGE}/{active_keys(app)['web-shop']}/revoke"
    text = main_text(ada.get(path).text)
    assert "Revoke the key web-shop?" in text
    assert "can no longer record or read anything" in text
    assert list(active_keys(app)) == ["web-shop"], "the confirmation page changes nothing"
    assert ada.send(path).location == PAGE
    assert active_keys(app) == {}
    assert "The key web-shop is revoked" in main_text(ada.get(PAGE).text)
    with app.app_context():
        assert api_keys.find(db.session(), key[0], clock.now()) is None
    assert ada.send(path, ADD).status_code == 404, "sent again from a page left open"


def test_a_key_is_rotated(app: Flask, ada: PanelClient) -> None:
    [key_id] = create_keys(app, "web-shop")
    path = f"{PAGE}/{key_id}/rotate"
    assert "Rotate the key web-shop?" in main_text(ada.get(path).text)
    for wrong in ("-1", "721", "soon"):
        answer = ada.send(path, keep_old_hours=wrong)
        assert answer.status_code == 422
        assert "from 0 to 720" in field_errors(answer.text)["keep_old_hours"]
    first = ada.send(path, keep_old_hours="24")
    second = ada.send(path, keep_old_hours="")
    keys = [KEY.search(each.text)[0] for each in (first, second)]  # type: ignore[index]
    assert "The old key works until" in main_text(first.text)
    assert "The old key is refused from now on" in main_text(second.text)
    with app.app_context():
        assert [bool(api_keys.find(db.session(), key, clock.now())) for key in keys] == [False, True]
    assert ada.send(f"{PAGE}/99/rotate", path).status_code == 404


def test_a_page_left_open_does_not_revoke_the_next_key_of_that_name(app: Flask, ada: PanelClient) -> None:
    [first] = create_keys(app, "web-shop")
    ada.send(f"{PAGE}/{first}/revoke")
    [second] = create_keys(app, "web-shop")
    assert ada.send(f"{PAGE}/{first}/revoke", ADD).status_code == 404
    assert active_keys(app) == {"web-shop": second}


@pytest.mark.parametrize("name", [".", "..", "add", "-"])
def test_odd_names_can_be_revoked_too(app: Flask, ada: PanelClient, name: str) -> None:
    create_keys(app, name)
    path = re.search(r'href="(/system/api-keys/[^"]+/revoke)"', ada.get(PAGE).text)
    assert path
    assert ada.send(path[1]).status_code == 303
    assert active_keys(app) == {}


@pytest.mark.parametrize("number", ["0", "7", "2147483647", "2147483648", "9" * 40, "-1", "x", "%00", "web-shop"])
def test_unknown_keys(app: Flask, ada: PanelClient, number: str) -> None:
    create_keys(app, "web-shop")
    assert ada.get(f"{PAGE}/{number}/revoke").status_code == 404
    assert ada.send(f"{PAGE}/{number}/revoke", ADD).status_code in (404, 405)
    assert list(active_keys(app)) == ["web-shop"]


def test_the_example_works(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), db.transaction() as session:
        session.get_one(Site, 1).url = "https://mugs.example/points"
    [key] = set(KEY.findall(ada.send(ADD, name="web-shop", scopes="record").text))
    example = re.search(r'<pre class="code-block"[^>]*><code>(.*?)</code>', ada.get(PAGE).text, re.DOTALL)
    assert example
    arguments = shlex.split(html.unescape(example[1]).replace("\\\n", " ").replace("psk_…", key))
    assert arguments[:2] == ["curl", "https://mugs.example/points/api/v1/movements"]
    headers = dict(each.split(": ", 1) for flag, each in itertools.pairwise(arguments) if flag == "-H")
    body = json.loads(arguments[arguments.index("-d") + 1])
    answer = app.test_client().post("/api/v1/movements", json=body, headers=headers)
    assert answer.status_code == 201
    assert ada.get("/api/docs").status_code == 200
    assert 'href="/api/docs"' in ada.get(PAGE).text


def test_without_a_public_url_the_example_has_a_placeholder(ada: PanelClient) -> None:
    assert "curl https://this-site.example/api/v1/movements" in main_text(ada.get(PAGE).text)


def test_strangers_see_and_change_nothing(app: Flask, stranger: PanelClient) -> None:
    [key_id] = create_keys(app, "web-shop")
    for path in (PAGE, ADD, f"{PAGE}/{key_id}/revoke"):
        assert stranger.get(path).location.startswith("/sign-in?next=")
    for path in (ADD, f"{PAGE}/{key_id}/revoke"):
        assert stranger.post(path, {"csrf_token": stranger.token(), "name": "x"}).location == "/sign-in"
    assert list(active_keys(app)) == ["web-shop"]


def test_forms_need_their_token(app: Flask, ada: PanelClient) -> None:
    [key_id] = create_keys(app, "web-shop")
    assert ada.post(ADD, {"name": "x"}).status_code == 400
    assert ada.post(f"{PAGE}/{key_id}/revoke").status_code == 400
    assert list(active_keys(app)) == ["web-shop"]


def test_its_queries_do_not_grow_with_the_list(app: Flask, ada: PanelClient) -> None:
    def count_queries() -> int:
        with app.app_context(), record_queries() as recorded_queries:
            assert ada.get(PAGE).status_code == 200
        return len(recorded_queries)

    create_keys(app, "one")
    query_count = count_queries()
    create_keys(app, *(f"key-{number}" for number in range(9)))
    assert count_queries() == query_count


def test_scopes_expiry_and_limit_are_set(app: Flask, ada: PanelClient) -> None:
    form = ada.get(ADD).text
    checked = re.findall(r'<input[^>]*checked[^>]*value="(\w+)"', form)
    assert checked == ["record", "read"], "what most programs need"
    submitted = {"name": "figures", "scopes": ["admin", "read"], "expires_at": "2099-01-31", "per_minute": "60"}
    assert ada.send(ADD, **submitted).status_code == 201
    with app.app_context():
        [row] = api_keys.list_all(db.session())
        assert (row.scopes, row.per_minute) == ("read admin", 60)
        assert row.expires_at == datetime(2099, 1, 31, tzinfo=UTC)
    text = main_text(ada.get(PAGE).text)
    assert "read, admin" in text
    assert "60 calls per minute" in text
    assert "31 Jan 2099, 00:00" in text
    assert "Never" in text, "used"


@pytest.mark.parametrize(
    ("field", "submitted", "errors"),
    [
        ("scopes", [], "Choose at least one of record, read, shop, people, admin"),
        ("scopes", ["write"], "Choose at least one of record, read, shop, people, admin"),
        ("scopes", ["read", "\0"], "Choose at least one of record, read, shop, people, admin"),
        ("expires_at", "soon", "This is not a date"),
        ("expires_at", "2026-02-30", "This is not a date"),
        ("expires_at", "2001-01-01", "Choose a future day"),
        ("expires_at", "9999-12-31", "Choose a future day"),
        ("expires_at", "0001-01-01", "Choose a future day"),
        ("per_minute", "0", "Enter a whole number of calls from 1 to 60,000"),
        ("per_minute", "60001", "Enter a whole number of calls"),
        ("per_minute", "1.5", "Enter a whole number of calls"),
        ("per_minute", "9" * 5000, "Enter a whole number of calls"),
    ],
)
def test_errors_are_shown_at_their_fields(
    app: Flask, ada: PanelClient, field: str, submitted: str | list[str], errors: str
) -> None:
    answer = ada.send(ADD, **{"name": "web-shop", "scopes": ["read"]} | {field: submitted})
    assert answer.status_code == 422
    assert errors in answer.text
    assert active_keys(app) == {}
    assert 'value="web-shop"' in answer.text


def test_an_expired_key_is_marked(app: Flask, ada: PanelClient, stopped_clock: MovingClock) -> None:
    with app.app_context():
        ends = stopped_clock.now() + timedelta(days=1)
        db.run_in_transaction(lambda session: api_keys.create(session, "till", stopped_clock.now(), expires_at=ends))
    assert "Expired" not in main_text(ada.get(PAGE).text)
    stopped_clock.advance(timedelta(days=1))
    assert "Expired" in main_text(ada.get(PAGE).text)
