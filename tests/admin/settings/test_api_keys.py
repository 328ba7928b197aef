"""System › API keys: made, shown once, revoked."""

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
from tests.admin.conftest import BOTH
from tests.admin.page_text import words, wrong
from tests.support.moving_clock import MovingClock
from tests.support.panel_client import Visitor
from tests.support.queries import watched

PAGE = "/system/api-keys"
ADD = f"{PAGE}/add"
KEY = re.compile(r"psk_[0-9A-Za-z_-]{43}")


def live(app: Flask) -> dict[str, int]:
    """The live keys: their ids by name."""
    with app.app_context():
        return {each.name: each.id for each in api_keys.every(db.db.session())}


def made(app: Flask, *names: str) -> list[int]:
    """Keys of these names."""

    def work(session: Session) -> list[int]:
        return [api_keys.create(session, name, clock.now())[0].id for name in names]

    with app.app_context():
        return db.in_write(work)


def test_an_empty_list_says_how_to_begin(ada: Visitor) -> None:
    assert "No API keys yet. Press Add" in words(ada.get(PAGE).text)


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_a_key_is_shown_once_and_kept_nowhere(app: Flask, ada: Visitor) -> None:
    answer = ada.send(ADD, name=" web-shop ", scopes="record")
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Copy the key now: it is not shown again." in words(answer.text)
    assert 'data-sheet aria-labelledby="sheet-title"' in answer.text
    [key] = set(KEY.findall(answer.text))
    with app.app_context():
        assert api_keys.find(db.db.session(), key).name == "web-shop"  # type: ignore[union-attr]
        assert key not in repr(db.db.session.query(ApiKey.digest).all())
    assert "web-shop" in words(ada.get(PAGE).text)
    for path in (PAGE, ADD, f"{PAGE}/1/revoke", "/"):
        assert not KEY.search(ada.get(path).text)
    assert key not in "".join(str(each) for each in ada.client._cookies.values())


def test_in_a_dialog_the_answer_is_the_page_too(ada: Visitor) -> None:
    token = ada.token(ADD)
    answer = ada.post(ADD, {"csrf_token": token, "name": "web-shop", "scopes": "read"}, headers={"X-Dialog": "1"})
    assert answer.status_code == 201
    assert KEY.search(answer.text)


@pytest.mark.parametrize("name", ["", "  ", "a b", "a" * 65, "a/b", "Łódź", "\0", "a\nb", "<b>", '"'])
def test_a_name_that_cannot_be(app: Flask, ada: Visitor, name: str) -> None:
    answer = ada.send(ADD, name=name)
    assert answer.status_code == 422
    assert "A name has letters, digits, . _ and - only" in wrong(answer.text)["name"]
    assert live(app) == {}
    assert not KEY.search(answer.text)


def test_what_was_typed_is_kept(ada: Visitor) -> None:
    assert 'value="&lt;b&gt;&#34;' in ada.send(ADD, name='<b>"').text


def test_a_name_is_required_and_one_is_enough(app: Flask, ada: Visitor) -> None:
    assert ada.send(ADD).status_code == 422
    token = ada.token(ADD)
    broken = ada.post(ADD, f"csrf_token={token}&name=%ED%A0%80", content_type="application/x-www-form-urlencoded")
    assert broken.status_code == 422
    assert ada.send(ADD, name=["one", "two"], scopes="record").status_code == 201
    assert list(live(app)) == ["one"]


def test_a_name_that_is_taken(app: Flask, ada: Visitor) -> None:
    made(app, "web-shop")
    answer = ada.send(ADD, name="web-shop", scopes="record")
    assert answer.status_code == 422
    assert "There is a key web-shop already" in wrong(answer.text)["name"]
    assert 'value="web-shop"' in answer.text
    assert len(live(app)) == 1


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_a_key_is_revoked_after_a_question(app: Flask, ada: Visitor) -> None:
    key = KEY.search(ada.send(ADD, name="web-shop", scopes="record").text)
    assert key
    path = f"{PAGE}/{live(app)['web-shop']}/revoke"
    text = words(ada.get(path).text)
    assert "Revoke the key web-shop?" in text
    assert "can record nothing from then on" in text
    assert list(live(app)) == ["web-shop"], "asking changes nothing"
    assert ada.send(path).location == PAGE
    assert live(app) == {}
    assert "The key web-shop is revoked" in words(ada.get(PAGE).text)
    with app.app_context():
        assert api_keys.find(db.db.session(), key[0]) is None
    assert ada.send(path, ADD).status_code == 404, "sent again from a page left open"


def test_a_page_left_open_does_not_revoke_the_next_key_of_that_name(app: Flask, ada: Visitor) -> None:
    [first] = made(app, "web-shop")
    ada.send(f"{PAGE}/{first}/revoke")
    [second] = made(app, "web-shop")
    assert ada.send(f"{PAGE}/{first}/revoke", ADD).status_code == 404
    assert live(app) == {"web-shop": second}


@pytest.mark.parametrize("name", [".", "..", "add", "-"])
def test_odd_names_can_be_revoked_too(app: Flask, ada: Visitor, name: str) -> None:
    made(app, name)
    path = re.search(r'href="(/system/api-keys/[^"]+/revoke)"', ada.get(PAGE).text)
    assert path
    assert ada.send(path[1]).status_code == 303
    assert live(app) == {}


@pytest.mark.parametrize("number", ["0", "7", "2147483647", "2147483648", "9" * 40, "-1", "x", "%00", "web-shop"])
def test_a_key_that_is_not_there(app: Flask, ada: Visitor, number: str) -> None:
    made(app, "web-shop")
    assert ada.get(f"{PAGE}/{number}/revoke").status_code == 404
    assert ada.send(f"{PAGE}/{number}/revoke", ADD).status_code in (404, 405)
    assert list(live(app)) == ["web-shop"]


def test_the_example_works_as_it_stands(app: Flask, ada: Visitor) -> None:
    with app.app_context(), db.write() as session:
        session.get_one(Site, 1).url = "https://mugs.example/points"
    [key] = set(KEY.findall(ada.send(ADD, name="web-shop", scopes="record").text))
    example = re.search(r'<pre class="code"[^>]*><code>(.*?)</code>', ada.get(PAGE).text, re.DOTALL)
    assert example
    line = shlex.split(html.unescape(example[1]).replace("\\\n", " ").replace("psk_…", key))
    assert line[:2] == ["curl", "https://mugs.example/points/api/v1/movements"]
    headers = dict(each.split(": ", 1) for flag, each in itertools.pairwise(line) if flag == "-H")
    body = json.loads(line[line.index("-d") + 1])
    answer = app.test_client().post("/api/v1/movements", json=body, headers=headers)
    assert answer.status_code == 201
    assert ada.get("/api/docs").status_code == 200
    assert 'href="/api/docs"' in ada.get(PAGE).text


def test_without_a_public_url_the_example_has_a_stand_in(ada: Visitor) -> None:
    assert "curl https://this-site.example/api/v1/movements" in words(ada.get(PAGE).text)


def test_strangers_see_and_change_nothing(app: Flask, stranger: Visitor) -> None:
    [key_id] = made(app, "web-shop")
    for path in (PAGE, ADD, f"{PAGE}/{key_id}/revoke"):
        assert stranger.get(path).location.startswith("/sign-in?next=")
    for path in (ADD, f"{PAGE}/{key_id}/revoke"):
        assert stranger.post(path, {"csrf_token": stranger.token(), "name": "x"}).location == "/sign-in"
    assert list(live(app)) == ["web-shop"]


def test_forms_need_their_token(app: Flask, ada: Visitor) -> None:
    [key_id] = made(app, "web-shop")
    assert ada.post(ADD, {"name": "x"}).status_code == 400
    assert ada.post(f"{PAGE}/{key_id}/revoke").status_code == 400
    assert list(live(app)) == ["web-shop"]


def test_its_queries_do_not_grow_with_the_list(app: Flask, ada: Visitor) -> None:
    def asked() -> int:
        with app.app_context(), watched() as found:
            assert ada.get(PAGE).status_code == 200
        return len(found)

    made(app, "one")
    few = asked()
    made(app, *(f"key-{number}" for number in range(9)))
    assert asked() == few


def test_what_it_may_do_is_chosen(app: Flask, ada: Visitor) -> None:
    form = ada.get(ADD).text
    ticked = re.findall(r'<input[^>]*checked[^>]*value="(\w+)"', form)
    assert ticked == ["record", "read"], "what most programs need"
    typed = {"name": "figures", "scopes": ["admin", "read"], "expires_at": "2099-01-31", "per_minute": "60"}
    assert ada.send(ADD, **typed).status_code == 201
    with app.app_context():
        [row] = api_keys.every(db.db.session())
        assert (row.scopes, row.per_minute) == ("read admin", 60)
        assert row.expires_at == datetime(2099, 1, 31, tzinfo=UTC)
    text = words(ada.get(PAGE).text)
    assert "read, admin" in text
    assert "60 a minute" in text
    assert "31 Jan 2099, 00:00" in text
    assert "Never" in text, "used"


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("scopes", [], "Choose at least one of record, read, admin"),
        ("scopes", ["write"], "Choose at least one of record, read, admin"),
        ("scopes", ["read", "\0"], "Choose at least one of record, read, admin"),
        ("expires_at", "soon", "This is no day"),
        ("expires_at", "2026-02-30", "This is no day"),
        ("expires_at", "2001-01-01", "Choose a day to come"),
        ("expires_at", "9999-12-31", "Choose a day to come"),
        ("expires_at", "0001-01-01", "Choose a day to come"),
        ("per_minute", "0", "Type a whole number of calls from 1 to 60,000"),
        ("per_minute", "60001", "Type a whole number of calls"),
        ("per_minute", "1.5", "Type a whole number of calls"),
        ("per_minute", "9" * 5000, "Type a whole number of calls"),
    ],
)
def test_what_cannot_be_is_told_at_its_field(
    app: Flask, ada: Visitor, field: str, typed: str | list[str], told: str
) -> None:
    answer = ada.send(ADD, **{"name": "web-shop", "scopes": ["read"]} | {field: typed})
    assert answer.status_code == 422
    assert told in answer.text
    assert live(app) == {}
    assert 'value="web-shop"' in answer.text


def test_one_whose_time_is_over_says_so(app: Flask, ada: Visitor, still_clock: MovingClock) -> None:
    with app.app_context():
        ends = still_clock.now() + timedelta(days=1)
        db.in_write(lambda session: api_keys.create(session, "till", still_clock.now(), expires_at=ends))
    assert "It is refused" not in words(ada.get(PAGE).text)
    still_clock.advance(timedelta(days=1))
    assert "It is refused" in words(ada.get(PAGE).text)
