"""System › Points Sync.: Local site information and Advanced Settings."""

import re

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.models import Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import local_site, settings
from tests.admin.conftest import BOTH_DATABASES
from tests.support.panel_client import PanelClient

PAGE = "/system/points-sync"
FIELDS = {"max_attempts": "20", "delay_seconds": "300", "statistics_days": "60", "warning_days": "0"}


def stored_settings(app: Flask) -> dict[str, int]:
    """The four settings as stored."""
    with app.app_context():
        known = settings.read(db.session())
    return {name: getattr(known, name) for name in FIELDS}


def secrets(app: Flask) -> tuple[str, str]:
    """The site's sharing key and Pass."""
    with app.app_context():
        state = get_runtime()
        identity = local_site.load_identity(db.session(), state.vault, state.config, clock.now())
        assert identity.sharing_key
        return identity.sharing_key, identity.passes[0]


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_the_settings_are_saved_together(app: Flask, ada: PanelClient) -> None:
    answer = ada.send(PAGE, **FIELDS)
    assert answer.status_code == 303
    assert stored_settings(app) == {name: int(value) for name, value in FIELDS.items()}
    text = ada.get(PAGE).text
    assert "Saved." in text
    assert 'value="300"' in text


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("max_attempts", "0", "Type a whole number from 1 to 1,000."),
        ("max_attempts", "1001", "Type a whole number from 1 to 1,000."),
        ("delay_seconds", "1.5", "Type a whole number from 1 to 86,400."),
        ("delay_seconds", "9" * 400, "Type a whole number from 1 to 86,400."),
        ("statistics_days", "٣", "Type a whole number from 1 to 3,650."),
        ("statistics_days", "<script>", "Type a whole number from 1 to 3,650."),
        ("warning_days", "-1", "Type a whole number from 0 to 3,650."),
        ("warning_days", "", "Type a number of days."),
    ],
)
def test_a_wrong_setting_changes_none(app: Flask, ada: PanelClient, field: str, value: str, sentence: str) -> None:
    before = stored_settings(app)
    answer = ada.send(PAGE, **(FIELDS | {field: value}))
    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'id="{field}" inputmode="numeric"' in answer.text
    assert re.search(rf'aria-invalid="true"[^>]* id="{field}"', answer.text)
    assert 'value="20"' in answer.text or field == "max_attempts"
    assert "<script>" not in answer.text
    assert stored_settings(app) == before


def test_a_missing_setting_changes_none(app: Flask, ada: PanelClient) -> None:
    before = stored_settings(app)
    answer = ada.send(PAGE, max_attempts="20")
    assert answer.status_code == 422
    assert "Type a number of seconds." in answer.text
    assert stored_settings(app) == before


def test_a_short_delay_gives_a_warning(ada: PanelClient) -> None:
    ada.send(PAGE, **(FIELDS | {"delay_seconds": "10"}))
    assert "uses up the attempts quickly" in ada.get(PAGE).text


@pytest.mark.parametrize("settings", [{"POINTSYNC_PUBLIC_URL": "https://shop.example/points"}])
class TestSecrets:
    """The sharing key and the Pass are on no page until an admin asks for them."""

    def test_the_page_masks_them(self, app: Flask, ada: PanelClient) -> None:
        sharing_key, password = secrets(app)
        text = ada.get(PAGE).text
        assert password not in text
        assert sharing_key not in text
        assert "https://shop.example/points" in text
        assert text.count("•" * 24) == 2

    def test_each_is_shown_by_itself(self, app: Flask, ada: PanelClient) -> None:
        sharing_key, password = secrets(app)
        page_text = ada.send(f"{PAGE}/secrets/pass", PAGE).text
        assert f'value="{password}"' in page_text
        assert sharing_key not in page_text
        assert sharing_key in ada.send(f"{PAGE}/secrets/sharing-key", PAGE).text
        assert password not in ada.get(PAGE).text

    def test_a_script_gets_it_as_text(self, app: Flask, ada: PanelClient) -> None:
        token = ada.token(PAGE)
        answer = ada.post(f"{PAGE}/secrets/pass", {"csrf_token": token}, headers={"Accept": "text/plain"})
        assert answer.mimetype == "text/plain"
        assert answer.text == secrets(app)[1]
        assert answer.headers["Cache-Control"] == "no-store"

    def test_nobody_else_gets_it(self, ada: PanelClient, stranger: PanelClient) -> None:
        assert stranger.get(PAGE).status_code == 303
        token = stranger.token()
        assert stranger.post(f"{PAGE}/secrets/pass", {"csrf_token": token}).status_code == 303
        assert ada.post(f"{PAGE}/secrets/pass").status_code == 400
        assert ada.get(f"{PAGE}/secrets/pass").status_code == 405
        assert ada.send(f"{PAGE}/secrets/private-key", PAGE).status_code == 404


def test_without_a_public_url_there_is_no_sharing_key(ada: PanelClient) -> None:
    text = ada.get(PAGE).text
    assert "The public URL of this site is missing." in text
    assert "/system/general" in text
    assert ada.send(f"{PAGE}/secrets/sharing-key", PAGE).status_code == 404


@pytest.mark.parametrize("what", ["moved", "restored", "copy"])
@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_an_admin_resumes_sending(app: Flask, ada: PanelClient, what: str) -> None:
    with app.app_context(), db.transaction() as session:
        session.get_one(Site, 1).hold = "The marker of this database is missing in /data & more."
        auth = session.get_one(Site, 1).auth
    text = ada.get(PAGE).text
    assert "Sending is stopped until you say what this database is" in text
    assert "/data &amp; more" in text
    assert ada.send(f"/system/hold/{what}").status_code == 303
    with app.app_context():
        site = db.session.get_one(Site, 1)
        assert site.hold is None
        assert (site.auth != auth) == (what == "copy")
    assert "Nothing is sent until" not in ada.get(PAGE).text
    assert ada.send(f"/system/hold/{what}").status_code == 303
    assert "there is nothing to confirm" in ada.get(PAGE).text


def test_an_unknown_answer_resumes_nothing(ada: PanelClient) -> None:
    assert ada.get("/system/hold/real").status_code == 404
    assert ada.send("/system/hold/real", PAGE).status_code == 404
