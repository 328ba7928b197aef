"""System › General: the site's name, public URL and time zone. The environment takes precedence."""

import re
from urllib.parse import quote

import pytest
from flask import Flask
from markupsafe import escape
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.models import Setting, Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import general
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries
from tests.support.site_template import run_in_transaction

PAGE = "/system/general"
URL_OFFER_PAGE = f"{PAGE}/address"
URL = "https://mugs.example/points"

WITHOUT_ENVIRONMENT = pytest.mark.parametrize("settings", [{"POINTSYNC_SITE_NAME": ""}])
"""A site without settings in the environment."""


def stored_values(app: Flask) -> dict[str, str]:
    """The settings that an admin has saved."""
    with app.app_context():
        return {each.name: each.value for each in db.session.query(Setting)}


def field_value(text: str, name: str) -> str:
    """The value of a field."""
    found = re.search(f'<input[^>]* name="{name}"[^>]*>', text)
    assert found
    inside = re.search(r' value="([^"]*)"', found[0])
    return inside[1] if inside else ""


def is_readonly(text: str, name: str) -> bool:
    """Whether a field is read-only."""
    found = re.search(f'<input[^>]* name="{name}"[^>]*>', text)
    return found is not None and " readonly" in found[0]


@WITHOUT_ENVIRONMENT
@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_all_three_are_saved(app: Flask, ada: PanelClient) -> None:
    answer = ada.send(PAGE, site_name=" Mug shop ", public_url=f" {URL}/ ", time_zone="Asia/Tokyo")
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert stored_values(app) == {"site_name": "Mug shop", "public_url": URL, "time_zone": "Asia/Tokyo"}
    text = ada.get(PAGE).text
    assert [field_value(text, name) for name in ("site_name", "public_url", "time_zone")] == [
        "Mug shop",
        URL,
        "Asia/Tokyo",
    ]
    assert "Saved." in text
    assert "must update their remote" not in text
    assert "Times are in Asia/Tokyo." in text


@WITHOUT_ENVIRONMENT
def test_another_public_url_gives_a_warning(app: Flask, ada: PanelClient) -> None:
    ada.send(PAGE, site_name="Mugs", public_url=URL, time_zone="UTC")
    ada.send(PAGE, site_name="Mugs", public_url="https://cups.example", time_zone="UTC")
    text = ada.get(PAGE).text
    assert "so other sites must update their remote for this one" in text
    ada.send(PAGE, site_name="Cups", public_url="https://cups.example", time_zone="UTC")
    assert "must update their remote" not in ada.get(PAGE).text


@WITHOUT_ENVIRONMENT
@pytest.mark.parametrize(
    ("submitted", "fields"),
    [
        ({"site_name": "  "}, {"site_name": "The name is empty"}),
        ({"site_name": "x" * 192}, {"site_name": "At most 191 characters"}),
        ({"site_name": "a\0"}, {"site_name": ""}),
        ({"public_url": "shop.example"}, {"public_url": "must begin with https://"}),
        ({"public_url": "https://x.example/" + "x" * 500}, {"public_url": "at most 500 characters"}),
        ({"public_url": "https://me:secret@x.example"}, {"public_url": "must not have a user name or password"}),
        ({"public_url": "http://[::1"}, {"public_url": "has an invalid host"}),
        ({"public_url": "\0\ud800"}, {"public_url": "no control characters"}),
        ({"time_zone": "paris"}, {"time_zone": "There is no time zone 'paris'"}),
        ({"time_zone": "../../etc/passwd"}, {"time_zone": "IANA"}),
        ({"time_zone": ""}, {"time_zone": "IANA"}),
        (
            {"site_name": "", "public_url": "no", "time_zone": "no"},
            {"site_name": "The name", "public_url": "The public URL", "time_zone": "no time zone"},
        ),
    ],
)
def test_errors_are_shown_at_their_fields_and_nothing_is_saved(
    app: Flask, ada: PanelClient, submitted: dict[str, str], fields: dict[str, str]
) -> None:
    fine = {"csrf_token": ada.token(PAGE), "site_name": "Mugs", "public_url": URL, "time_zone": "Europe/Paris"}
    body = "&".join(
        f"{name}={quote(each.encode('utf-8', 'surrogatepass'), safe='')}" for name, each in (fine | submitted).items()
    )
    answer = ada.post(PAGE, body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 422
    errors = field_errors(answer.text)
    assert list(errors) == list(fields)
    for name, sentence in fields.items():
        assert sentence in errors[name]
        assert escape(sentence) in answer.text
    assert stored_values(app) == {}
    assert f'value="{"Mugs" if "site_name" not in submitted else ""}' in answer.text


@WITHOUT_ENVIRONMENT
def test_fields_that_are_missing_change_nothing(app: Flask, ada: PanelClient) -> None:
    assert list(field_errors(ada.send(PAGE).text)) == ["site_name", "time_zone"]
    assert ada.send(PAGE, site_name=["a", "b"], time_zone=["UTC", "UTC"]).status_code == 303
    assert stored_values(app) == {"site_name": "a", "time_zone": "UTC"}


@pytest.mark.parametrize("settings", [{"POINTSYNC_SITE_NAME": "Told", "POINTSYNC_PUBLIC_URL": URL}])
def test_what_the_environment_sets_is_read_only(app: Flask, ada: PanelClient) -> None:
    text = ada.get(PAGE).text
    assert [is_readonly(text, name) for name in ("site_name", "public_url", "time_zone")] == [True, True, False]
    assert "Set by the environment variable POINTSYNC_SITE_NAME. Change it there." in text
    assert "Set by the environment variable POINTSYNC_PUBLIC_URL. Change it there." in text
    assert URL_OFFER_PAGE not in text
    answer = ada.send(PAGE, site_name="Mine", public_url="https://mine.example", time_zone="Mars")
    assert answer.status_code == 422
    assert (field_value(answer.text, "site_name"), field_value(answer.text, "public_url")) == ("Told", URL)
    assert ada.send(PAGE, site_name="Mine", public_url="https://mine.example", time_zone="UTC").status_code == 303
    assert stored_values(app) == {"time_zone": "UTC"}
    ada.send(URL_OFFER_PAGE, PAGE, public_url="https://mine.example")
    assert "POINTSYNC_PUBLIC_URL sets this value" in ada.get(PAGE).text
    assert stored_values(app) == {"time_zone": "UTC"}


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_the_browsers_url_is_suggested_and_set_in_one_click(app: Flask, ada: PanelClient) -> None:
    text = ada.get(PAGE).text
    assert "Use this URL</button>" in text
    assert field_value(text, "public_url") in ("", "http://localhost")
    assert stored_values(app) == {}, "showing the page sets nothing"
    assert ada.send(URL_OFFER_PAGE, PAGE, public_url="http://localhost").location == PAGE
    assert stored_values(app) == {"public_url": "http://localhost"}
    text = ada.get(PAGE).text
    assert "Other sites now call this one at http://localhost." in text
    assert URL_OFFER_PAGE not in text


@pytest.mark.parametrize("submitted", ["", "ftp://x", "https://<script>alert(1)</script>/?", "\0"])
def test_a_suggestion_that_was_changed_is_refused(app: Flask, ada: PanelClient, submitted: str) -> None:
    assert ada.send(URL_OFFER_PAGE, PAGE, public_url=submitted).status_code == 303
    text = ada.get(PAGE).text
    assert "The public URL must " in text or "The public URL has " in text
    assert "<script>alert" not in text
    assert stored_values(app) == {}


def test_saving_does_not_confirm_the_served_url(app: Flask, ada: PanelClient) -> None:
    def prepare(session: Session) -> None:
        session.get_one(Site, 1).served_url = "http://127.0.0.1:8080"

    run_in_transaction(app, prepare)
    text = ada.get(PAGE).text
    assert field_value(text, "public_url") == "http://localhost" or "http://127.0.0.1:8080" in text
    assert "Use this URL</button>" in text
    assert ada.send(PAGE, public_url="http://127.0.0.1:8080", time_zone="UTC").status_code == 303
    assert stored_values(app) == {"time_zone": "UTC"}


def test_nothing_is_suggested_if_a_url_is_set(app: Flask, ada: PanelClient) -> None:
    def prepare(session: Session) -> None:
        session.get_one(Site, 1).url = URL

    run_in_transaction(app, prepare)
    assert URL_OFFER_PAGE not in ada.get(PAGE).text


@pytest.mark.parametrize("host", ["<script>alert(1)</script>", "a b", "x" * 600, "é.example"])
def test_an_invalid_host_is_not_suggested(app: Flask, ada: PanelClient, host: str) -> None:
    answer = ada.get(PAGE, headers={"Host": host})
    assert answer.status_code < 500
    assert "<script>alert" not in answer.text


def test_input_is_escaped(app: Flask, ada: PanelClient) -> None:
    answer = ada.send(PAGE, public_url='"><script>alert(1)</script>', time_zone="<script>alert(1)</script>")
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text


def test_times_are_in_the_sites_zone(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: general.set_time_zone(session, "Asia/Kathmandu"))
    text = ada.get("/system/admins").text
    assert "Times are in Asia/Kathmandu." in text
    assert re.search(r'<time datetime="[^"]+" title="[^"]+\+05:45">', text)


def test_an_unknown_zone_becomes_utc(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: session.add(Setting(name="time_zone", value="Mars/Olympus_Mons")))
    assert "Times are in UTC." in ada.get("/system/admins").text
    assert field_value(ada.get(PAGE).text, "time_zone") == "UTC"


def test_times_are_utc_if_the_zone_cannot_be_read(ada: PanelClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_session: Session) -> None:
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    monkeypatch.setattr(general, "get_time_zone", fail)
    assert "Times are in UTC." in ada.get("/system/admins").text


def test_the_zone_is_read_once(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), record_queries() as found:
        ada.get("/system/admins")
    assert [parameters for statement, parameters in found if "FROM setting" in statement] == [("time_zone",)]


def test_strangers_change_nothing(app: Flask, stranger: PanelClient) -> None:
    assert stranger.get(PAGE).location.startswith("/sign-in?next=")
    for path in (PAGE, URL_OFFER_PAGE):
        token = stranger.token()
        answer = stranger.post(path, {"csrf_token": token, "public_url": URL, "time_zone": "UTC"})
        assert answer.location.startswith("/sign-in")
    assert stored_values(app) == {}


def test_forms_need_their_token(app: Flask, ada: PanelClient) -> None:
    for path in (PAGE, URL_OFFER_PAGE):
        assert ada.post(path, {"public_url": URL, "time_zone": "UTC"}).status_code == 400
    assert stored_values(app) == {}


def test_the_public_url_is_used_elsewhere(app: Flask, ada: PanelClient) -> None:
    ada.send(PAGE, public_url=URL, time_zone="UTC")
    with app.app_context():
        assert general.get_effective_url(db.session.get_one(Site, 1), get_runtime().config) == URL
    assert URL in ada.get("/system/points-sync").text
