"""System › Admins: disable admins, and end sign-ins."""

import re

import pytest
from flask import Flask
from sqlalchemy import select

from pointsync import clock, db
from pointsync.accounts import sign_ins
from pointsync.accounts.sign_ins import USE_RESOLUTION
from pointsync.models import AuditEntry, SignIn
from pointsync.reports import audit_log
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import main_text
from tests.admin.settings.test_admins import PAGE, create_admin
from tests.support.moving_clock import MovingClock
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


class FirefoxClient(PanelClient):
    """A client that identifies as Firefox."""

    def _open(self, path: str, **options):
        return super()._open(path, **{"headers": {"User-Agent": FIREFOX}, **options})


@pytest.fixture
def bob(app: Flask) -> PanelClient:
    """Another admin, with the id 2, signed in elsewhere."""
    create_admin(app)
    visitor = FirefoxClient(app, "192.0.2.7")
    assert visitor.sign_in("Bob").status_code == 303
    return visitor


def last_audit_text(app: Flask) -> str:
    """The text of the newest audit entry."""
    with app.app_context():
        return audit_log.describe(db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one())


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_the_list_shows_each_sign_in_and_marks_this_one(app: Flask, ada: PanelClient, bob: PanelClient) -> None:
    text = main_text(ada.get(PAGE).text)
    moment = r"\d+ \w+ \d+, \d\d:\d\d"
    assert re.search(rf"Bob Firefox on Linux 192\.0\.2\.7 {moment} {moment} with a password", text)
    assert re.search(r"Ada \S+ This browser 127\.0\.0\.1", text)
    assert text.count("This browser") == 1
    assert "Firefox on Linux This browser 192.0.2.7" in main_text(bob.get(PAGE).text)


def test_the_last_use_is_stored_to_the_minute(app: Flask, stopped_clock: MovingClock) -> None:
    def seen_at():
        with app.app_context():
            return db.session.scalars(select(SignIn.seen_at)).one()

    ada, began = PanelClient(app), clock.now()
    ada.sign_in()
    for passed, kept in (
        (USE_RESOLUTION / 2, 0),
        (USE_RESOLUTION / 2, 1),
        (USE_RESOLUTION / 2, 1),
        (USE_RESOLUTION, 2.5),
    ):
        stopped_clock.advance(passed)
        assert ada.is_in()
        assert seen_at() == began + kept * USE_RESOLUTION


def test_a_page_is_shown_even_if_its_use_cannot_be_stored(
    ada: PanelClient, stopped_clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_args: object) -> None:
        raise db.DatabaseBusy("the database is held by another writer")

    monkeypatch.setattr(sign_ins, "record_use", busy)
    stopped_clock.advance(2 * USE_RESOLUTION)
    assert ada.is_in()


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_another_sign_in_is_ended(app: Flask, ada: PanelClient, bob: PanelClient) -> None:
    answer = ada.send("/system/sign-ins/2/end", page=PAGE)
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert "Bob is signed out of Firefox on Linux." in main_text(ada.get(PAGE).text)
    assert last_audit_text(app) == "Ada signed Bob out of 1 browser"
    assert not bob.is_in()
    assert ada.is_in()
    assert ada.send("/system/sign-ins/2/end", page=PAGE).status_code == 404


def test_this_sign_in_is_ended(app: Flask, ada: PanelClient) -> None:
    assert ada.send("/system/sign-ins/1/end", page=PAGE).location == "/sign-in"
    assert last_audit_text(app) == "Ada signed out"
    assert not ada.is_in()


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_all_other_sign_ins_are_ended(app: Flask, ada: PanelClient, bob: PanelClient) -> None:
    elsewhere = PanelClient(app)
    elsewhere.sign_in()
    assert ada.send(f"{PAGE}/1/sign-outs", page=PAGE).status_code == 303
    assert "Ada is signed out of 1 browser." in main_text(ada.get(PAGE).text)
    assert (ada.is_in(), elsewhere.is_in(), bob.is_in()) == (True, False, True)
    ada.send(f"{PAGE}/1/sign-outs", page=PAGE)
    assert "Ada is not signed in anywhere else." in main_text(ada.get(PAGE).text)
    ada.send(f"{PAGE}/2/sign-outs", page=PAGE)
    assert (ada.is_in(), bob.is_in()) == (True, False)
    assert ada.send(f"{PAGE}/3/sign-outs", page=PAGE).status_code == 404


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_an_admin_is_disabled_after_confirmation_and_enabled(app: Flask, ada: PanelClient, bob: PanelClient) -> None:
    path = f"{PAGE}/2/disable"
    assert "Bob will be signed out at once in every browser" in main_text(ada.get(path).text)
    assert bob.is_in(), "the confirmation page changes nothing"
    assert ada.send(path).location == PAGE
    text = main_text(ada.get(PAGE).text)
    assert "Bob is disabled and cannot sign in until" in text
    assert "Bob Disabled" in text
    assert last_audit_text(app) == "Ada disabled admin Bob"
    assert not bob.is_in()
    assert bob.sign_in("Bob").status_code == 422
    assert ada.send(f"{PAGE}/2/enable", page=PAGE).location == PAGE
    assert "Bob can sign in again" in main_text(ada.get(PAGE).text)
    assert last_audit_text(app) == "Ada enabled admin Bob"
    assert not bob.is_in(), "the old sign-in stays invalid"
    assert bob.sign_in("Bob").status_code == 303


def test_admins_disable_themselves_but_not_the_last_one(app: Flask, ada: PanelClient, bob: PanelClient) -> None:
    assert "This is you . You will be signed out at once" in main_text(ada.get(f"{PAGE}/1/disable").text)
    assert ada.send(f"{PAGE}/1/disable").location == "/sign-in"
    assert not ada.is_in()
    for what in ("disable", "remove"):
        asked, sent = bob.get(f"{PAGE}/2/{what}"), bob.send(f"{PAGE}/2/{what}", page=PAGE)
        assert (asked.status_code, sent.status_code) == (200, 422)
        for answer in (asked, sent):
            assert f"Bob is the only admin who can sign in, and cannot be {what}d" in main_text(answer.text)
    assert bob.is_in()
    bob.send(f"{PAGE}/1/remove")
    assert "Ada can no longer sign in." in main_text(bob.get(PAGE).text), "a disabled admin is removed"


@pytest.mark.parametrize("number", ["0", "7", "2147483647", "2147483648", "-1", "x"])
def test_unknown_ids(ada: PanelClient, number: str) -> None:
    for path in ("sign-ins/{}/end", "admins/{}/sign-outs", "admins/{}/disable", "admins/{}/enable"):
        assert ada.send(f"/system/{path.format(number)}", page=PAGE).status_code in (404, 405)
    assert ada.get(f"{PAGE}/{number}/disable").status_code == 404
    assert ada.is_in()


def test_strangers_and_forged_forms_end_nothing(app: Flask, ada: PanelClient, bob: PanelClient) -> None:
    stranger = PanelClient(app)
    paths = ("/system/sign-ins/2/end", f"{PAGE}/2/sign-outs", f"{PAGE}/2/disable", f"{PAGE}/2/enable")
    for path in paths:
        assert ada.post(path).status_code == 400
        assert stranger.post(path, {"csrf_token": stranger.token()}).location == "/sign-in"
    assert bob.is_in()


def test_its_queries_do_not_grow_with_the_sign_ins(app: Flask, ada: PanelClient) -> None:
    def count_queries() -> int:
        with app.app_context(), record_queries() as recorded_queries:
            assert ada.get(PAGE).status_code == 200
        return len(recorded_queries)

    query_count = count_queries()
    for _ in range(5):
        PanelClient(app).sign_in()
    assert count_queries() == query_count
