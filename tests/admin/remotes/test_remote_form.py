"""Remote sites: the form that adds, copies and edits a remote. Nothing answers at the URLs typed here."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from pointsync import db
from pointsync.models import Backfill, Remote, Site
from pointsync.runtime import get_runtime
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors
from tests.support.panel_client import PanelClient
from tests.support.process import free_port

PAGE = "/system/points-sync"
ADD = f"{PAGE}/remotes/add"
AUTH, PASS = "wrk_0123456789abcdef", "wrs_0123456789abcdef"
OTHER_PASS = "wrs_fedcba9876543210"


@pytest.fixture
def nobody() -> str:
    """A host and port where nothing answers."""
    return f"127.0.0.1:{free_port()}"


def listed_remotes(app: Flask, *, with_deleted: bool = False) -> list[dict[str, Any]]:
    """The listed remotes with decrypted secrets; with `with_deleted` also deleted ones."""
    with app.app_context():
        query = select(Remote).order_by(Remote.id)
        if not with_deleted:
            query = query.where(Remote.deleted_at.is_(None))
        return [
            {
                "id": each.id,
                "url": each.url,
                "auth": each.auth,
                "pass": get_runtime().vault.decrypt(each.sealed_pass),
                "target": each.target,
                "observed": each.reserve.key,
                "version": each.version,
                "check": each.check_code,
            }
            for each in db.session.scalars(query)
        ]


def form_fields(nobody: str, **fields: str) -> dict[str, str]:
    """The fields of the form with a sharing key and a plain-HTTP URL, changed by `fields`."""
    return {
        "sharing_key": f"{nobody}|{AUTH}:{PASS}",
        "url": f"http://{nobody}",
        "target": "default",
        "observed": "default",
        "backfill": "new",
    } | fields


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_remote_is_kept_whatever_the_check_finds(app: Flask, ada: PanelClient, nobody: str) -> None:
    answer = ada.send(ADD, **form_fields(nobody))
    assert answer.status_code == 303
    assert answer.location == f"{PAGE}?saved=1#remotes"
    [remote] = listed_remotes(app)
    assert remote["url"] == f"http://{nobody}"
    assert remote["pass"] == PASS
    assert remote["check"] == "refused_connection"
    text = ada.get(answer.location).text
    assert f"http://{nobody}" in text
    assert "refused the connection" in text
    assert PASS not in text


def test_https_is_tried_unless_http_is_typed_and_http_is_offered(app: Flask, ada: PanelClient, nobody: str) -> None:
    answer = ada.send(ADD, **form_fields(nobody, url=""))
    assert listed_remotes(app)[0]["url"] == f"https://{nobody}"
    text = ada.get(answer.location).text
    assert "Use http:// instead" in text
    answer = ada.send(f"{PAGE}/remotes/1/plain-http", PAGE)
    assert answer.location == f"{PAGE}?checked=1#remotes"
    assert listed_remotes(app)[0]["url"] == f"http://{nobody}"
    assert "Use http:// instead" not in ada.get(answer.location).text


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"sharing_key": "shop.example|wrk_1:wrs_2", "url": ""}, "sharing_key", "incomplete or changed"),
        ({"sharing_key": "", "url": ""}, "url", "The URL is missing"),
        ({"sharing_key": "", "url": "shop.example", "auth": "admin", "pass": PASS}, "auth", "wrk_ followed by 16"),
        ({"sharing_key": "", "url": "shop.example", "auth": AUTH, "pass": "secret"}, "pass", "wrs_ followed by 16"),
        ({"sharing_key": "", "url": "shop.example", "auth": AUTH}, "pass", "The Pass is missing"),
        ({"url": "https://"}, "url", "no host"),
        ({"url": "http://h:70000"}, "url", "65535"),
        ({"url": "http://a:b@h"}, "url", "must not have a user name"),
        ({"target": "no such!"}, "target", "letters, digits"),
        ({"target": ""}, "target", "letters, digits"),
        ({"observed": "gold"}, "observed", "The reserves are default"),
        ({"observed": "\0"}, "observed", "The reserves are default"),
        ({"query_template": "/nothing"}, "query_template", "exactly once"),
        ({"backfill": "perhaps"}, "backfill", "Choose what to send"),
        ({"backfill": "go_on"}, "backfill", "No remote for this site"),
    ],
)
def test_errors_are_shown_at_their_fields(
    app: Flask, ada: PanelClient, nobody: str, change: dict[str, str], field: str, sentence: str
) -> None:
    answer = ada.send(ADD, **form_fields(nobody, **change))
    assert answer.status_code == 422
    errors = field_errors(answer.text)
    assert list(errors) == [field]
    assert sentence in errors[field]
    assert PASS not in answer.text
    assert listed_remotes(app) == []


def test_the_form_keeps_its_values_but_no_secrets(ada: PanelClient, nobody: str) -> None:
    text = ada.send(ADD, **form_fields(nobody, target="no such!", auth=AUTH, **{"pass": PASS})).text
    assert 'value="no such!"' in text
    assert f'value="http://{nobody}"' in text
    assert f'value="{AUTH}"' in text
    assert PASS not in text


def test_this_sites_own_key_is_refused(app: Flask, ada: PanelClient, nobody: str) -> None:
    with app.app_context():
        local_auth = db.session.get_one(Site, 1).auth
    answer = ada.send(ADD, **form_fields(nobody, sharing_key=f"{nobody}|{local_auth}:{PASS}"))
    assert answer.status_code == 422
    assert "the Auth of this site" in answer.text
    assert listed_remotes(app) == []


def test_a_second_remote_for_a_reserve_is_refused(app: Flask, ada: PanelClient, nobody: str) -> None:
    ada.send(ADD, **form_fields(nobody))
    answer = ada.send(ADD, **form_fields(nobody, target="gold"))
    assert answer.status_code == 422
    assert "already sends the reserve" in answer.text
    assert len(listed_remotes(app)) == 1


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_past_movements_are_sent_by_choice(app: Flask, ada: PanelClient, nobody: str) -> None:
    with app.app_context(), db.transaction() as session:
        sample_remotes.record_waiting(session, 30)
    ada.send(ADD, **form_fields(nobody, backfill="all"))
    with app.app_context():
        assert db.session.get_one(Backfill, 1).total == 30
    text = ada.get(PAGE).text
    assert "0 of 30" in text
    assert ada.send(f"{PAGE}/remotes/1/history/stops", PAGE).status_code == 303
    text = ada.get(PAGE).text
    assert "Stopped." in text
    assert "Stopped sending past movements" in text


def test_editing_keeps_the_pass_that_is_not_typed(app: Flask, ada: PanelClient, nobody: str) -> None:
    ada.send(ADD, **form_fields(nobody))
    edit = f"{PAGE}/remotes/1/edit"
    text = ada.get(edit).text
    assert PASS not in text
    assert f'value="{AUTH}"' in text
    fields = {"url": f"http://{nobody}/new", "auth": AUTH, "target": "gold", "observed": "default", "version": "1"}
    assert ada.send(edit, **fields).location == f"{PAGE}?saved=1#remotes"
    [remote] = listed_remotes(app)
    assert (remote["url"], remote["target"], remote["pass"], remote["version"]) == (
        f"http://{nobody}/new",
        "gold",
        PASS,
        2,
    )
    assert ada.send(edit, **(fields | {"version": "2", "pass": OTHER_PASS})).status_code == 303
    assert listed_remotes(app)[0]["pass"] == OTHER_PASS


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_the_second_of_two_admins_is_warned_and_loses_nothing(app: Flask, ada: PanelClient, nobody: str) -> None:
    ada.send(ADD, **form_fields(nobody))
    edit = f"{PAGE}/remotes/1/edit"
    fields = {"auth": AUTH, "target": "default", "observed": "default", "version": "1"}
    assert ada.send(edit, **fields, url=f"http://{nobody}/first").status_code == 303
    answer = ada.send(edit, **fields, url=f"http://{nobody}/second")
    assert answer.status_code == 422
    assert "Another admin has changed this remote in the meantime" in answer.text
    assert f"<code>http://{nobody}/first</code>" in answer.text
    assert f'value="http://{nobody}/second"' in answer.text
    assert 'name="version" type="hidden" value="2"' in answer.text
    assert listed_remotes(app)[0]["url"] == f"http://{nobody}/first"
    assert ada.send(edit, **(fields | {"version": "2"}), url=f"http://{nobody}/second").status_code == 303
    assert listed_remotes(app)[0]["url"] == f"http://{nobody}/second"


def test_another_auth_needs_its_own_pass_and_makes_another_remote(app: Flask, ada: PanelClient, nobody: str) -> None:
    ada.send(ADD, **form_fields(nobody))
    edit, other = f"{PAGE}/remotes/1/edit", "wrk_fedcba9876543210"
    fields = {"url": f"http://{nobody}", "target": "default", "observed": "default", "version": "1", "auth": other}
    assert "is missing" in ada.send(edit, **fields).text
    assert ada.send(edit, **fields, **{"pass": OTHER_PASS}).location == f"{PAGE}?saved=2#remotes"
    assert [remote["auth"] for remote in listed_remotes(app)] == [other]


def test_a_copy_starts_with_the_fields_of_the_remote(app: Flask, ada: PanelClient, nobody: str) -> None:
    ada.send(ADD, **form_fields(nobody))
    with app.app_context(), db.transaction() as session:
        sample_remotes.add_reserve(session, "gold")
    text = ada.get(f"{ADD}?like=1").text
    assert f'value="http://{nobody}"' in text
    assert PASS not in text
    fields = {"url": f"http://{nobody}", "auth": AUTH, "target": "gold", "observed": "gold", "like": "1"}
    assert ada.send(ADD, **fields, backfill="new").status_code == 303
    assert [(remote["observed"], remote["pass"]) for remote in listed_remotes(app)] == [
        ("default", PASS),
        ("gold", PASS),
    ]


def test_a_deleted_remote_can_be_continued(app: Flask, ada: PanelClient, nobody: str) -> None:
    ada.send(ADD, **form_fields(nobody))
    assert ada.send(f"{PAGE}/remotes/1/delete", confirmed_count="0").status_code == 303
    answer = ada.send(ADD, **form_fields(nobody))
    assert answer.status_code == 422
    assert "was deleted earlier. Choose whether to continue from there" in answer.text
    assert 'name="offered"' in answer.text
    assert listed_remotes(app) == []
    assert ada.send(ADD, **form_fields(nobody, backfill="go_on", offered="1")).location == f"{PAGE}?saved=1#remotes"
    ada.send(f"{PAGE}/remotes/1/delete", confirmed_count="0")
    # One remote for ever: it remembers what was delivered, whatever is sent from now on.
    assert ada.send(ADD, **form_fields(nobody, offered="1")).location == f"{PAGE}?saved=1#remotes"


def test_a_preview_stores_nothing(app: Flask, ada: PanelClient, nobody: str) -> None:
    token = ada.token(ADD)
    answer = ada.post(f"{PAGE}/remotes/ask", form_fields(nobody, csrf_token=token))
    assert answer.json["reserves"] == []
    assert "refused the connection" in answer.json["message"]
    answer = ada.post(f"{PAGE}/remotes/ask", {"csrf_token": token, "sharing_key": "cut"})
    assert "incomplete or changed" in answer.json["message"]
    assert listed_remotes(app, with_deleted=True) == []


@pytest.mark.parametrize("remote_id", ["1", "2147483647", "2147483648", "9" * 30, "x"])
def test_unknown_remotes(ada: PanelClient, remote_id: str) -> None:
    assert ada.get(f"{PAGE}/remotes/{remote_id}/edit").status_code == 404
    assert ada.get(f"{PAGE}/remotes/{remote_id}/delete").status_code == 404
    for action in ("tests", "retries", "pauses", "resumes", "plain-http", "history/stops", "edit", "delete"):
        # Werkzeug answers 405 if it knows the path but the number is too large.
        assert ada.send(f"{PAGE}/remotes/{remote_id}/{action}", PAGE).status_code in (404, 405)


@pytest.mark.parametrize("like", ["1", "x", "-1", "9" * 30])
def test_a_copy_of_an_unknown_remote(ada: PanelClient, like: str) -> None:
    assert ada.get(f"{ADD}?like={like}").status_code in (200, 404)
    assert ada.get(f"{PAGE}?saved={like}&checked={like}").status_code == 200
