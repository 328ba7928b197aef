"""System › Admins: who is disabled, and where admins are signed in."""

import re

import pytest
from flask import Flask
from sqlalchemy import select

from pointsync import clock, db
from pointsync.accounts import sign_ins
from pointsync.accounts.sign_ins import MINUTE
from pointsync.models import Audit, SignIn
from pointsync.reports import audit_log
from tests.admin.conftest import BOTH
from tests.admin.page_text import words
from tests.admin.settings.test_admins import PAGE, made
from tests.support.moving_clock import MovingClock
from tests.support.panel_client import Visitor
from tests.support.queries import watched

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


class WithFirefox(Visitor):
    """A browser that says so."""

    def _open(self, path: str, **more):
        return super()._open(path, **{"headers": {"User-Agent": FIREFOX}, **more})


@pytest.fixture
def bob(app: Flask) -> Visitor:
    """Another admin, with the id 2, signed in elsewhere."""
    made(app)
    visitor = WithFirefox(app, "192.0.2.7")
    assert visitor.sign_in("Bob").status_code == 303
    return visitor


def last_noted(app: Flask) -> str:
    """The newest line of the audit log, in words."""
    with app.app_context():
        return audit_log.words(db.db.session.scalars(select(Audit).order_by(Audit.id.desc()).limit(1)).one())


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_the_list_says_who_is_signed_in_where_and_which_is_this_one(app: Flask, ada: Visitor, bob: Visitor) -> None:
    text = words(ada.get(PAGE).text)
    moment = r"\d+ \w+ \d+, \d\d:\d\d"
    assert re.search(rf"Bob Firefox on Linux 192\.0\.2\.7 {moment} {moment} with a password", text)
    assert re.search(r"Ada \S+ This browser 127\.0\.0\.1", text)
    assert text.count("This browser") == 1
    assert "Firefox on Linux This browser 192.0.2.7" in words(bob.get(PAGE).text)


def test_when_it_was_last_used_is_kept_to_the_minute(app: Flask, still_clock: MovingClock) -> None:
    def seen_at():
        with app.app_context():
            return db.db.session.scalars(select(SignIn.seen_at)).one()

    ada, began = Visitor(app), clock.now()
    ada.sign_in()
    for passed, kept in ((MINUTE / 2, 0), (MINUTE / 2, 1), (MINUTE / 2, 1), (MINUTE, 2.5)):
        still_clock.advance(passed)
        assert ada.is_in()
        assert seen_at() == began + kept * MINUTE


def test_a_page_is_shown_though_its_use_cannot_be_written(
    ada: Visitor, still_clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_args: object) -> None:
        raise db.Busy("the database is held by another writer")

    monkeypatch.setattr(sign_ins, "used", busy)
    still_clock.advance(2 * MINUTE)
    assert ada.is_in()


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_one_is_ended(app: Flask, ada: Visitor, bob: Visitor) -> None:
    answer = ada.send("/system/sign-ins/2/end", page=PAGE)
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert "Bob is signed out of Firefox on Linux." in words(ada.get(PAGE).text)
    assert last_noted(app) == "Ada signed Bob out of 1 browser"
    assert not bob.is_in()
    assert ada.is_in()
    assert ada.send("/system/sign-ins/2/end", page=PAGE).status_code == 404


def test_this_one_is_ended(app: Flask, ada: Visitor) -> None:
    assert ada.send("/system/sign-ins/1/end", page=PAGE).location == "/sign-in"
    assert last_noted(app) == "Ada signed out"
    assert not ada.is_in()


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_all_others_are_ended(app: Flask, ada: Visitor, bob: Visitor) -> None:
    elsewhere = Visitor(app)
    elsewhere.sign_in()
    assert ada.send(f"{PAGE}/1/sign-outs", page=PAGE).status_code == 303
    assert "Ada is signed out of 1 browser." in words(ada.get(PAGE).text)
    assert (ada.is_in(), elsewhere.is_in(), bob.is_in()) == (True, False, True)
    ada.send(f"{PAGE}/1/sign-outs", page=PAGE)
    assert "Ada is signed in nowhere else." in words(ada.get(PAGE).text)
    ada.send(f"{PAGE}/2/sign-outs", page=PAGE)
    assert (ada.is_in(), bob.is_in()) == (True, False)
    assert ada.send(f"{PAGE}/3/sign-outs", page=PAGE).status_code == 404


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_one_is_disabled_after_a_question_and_enabled(app: Flask, ada: Visitor, bob: Visitor) -> None:
    path = f"{PAGE}/2/disable"
    assert "Bob is signed out at once, in every browser" in words(ada.get(path).text)
    assert bob.is_in(), "asking changes nothing"
    assert ada.send(path).location == PAGE
    text = words(ada.get(PAGE).text)
    assert "Bob is disabled, and cannot sign in until" in text
    assert "Bob Disabled" in text
    assert last_noted(app) == "Ada disabled admin Bob"
    assert not bob.is_in()
    assert bob.sign_in("Bob").status_code == 422
    assert ada.send(f"{PAGE}/2/enable", page=PAGE).location == PAGE
    assert "Bob may sign in again" in words(ada.get(PAGE).text)
    assert last_noted(app) == "Ada enabled admin Bob"
    assert not bob.is_in(), "the old sign-in stays ended"
    assert bob.sign_in("Bob").status_code == 303


def test_oneself_is_disabled_but_not_the_last_one(app: Flask, ada: Visitor, bob: Visitor) -> None:
    assert "This is you : you are signed out at once" in words(ada.get(f"{PAGE}/1/disable").text)
    assert ada.send(f"{PAGE}/1/disable").location == "/sign-in"
    assert not ada.is_in()
    for what in ("disable", "remove"):
        asked, sent = bob.get(f"{PAGE}/2/{what}"), bob.send(f"{PAGE}/2/{what}", page=PAGE)
        assert (asked.status_code, sent.status_code) == (200, 422)
        for answer in (asked, sent):
            assert f"Bob is the only admin who may sign in, and cannot be {what}d" in words(answer.text)
    assert bob.is_in()
    bob.send(f"{PAGE}/1/remove")
    assert "Ada cannot sign in any more." in words(bob.get(PAGE).text), "a disabled one is removed"


@pytest.mark.parametrize("number", ["0", "7", "2147483647", "2147483648", "-1", "x"])
def test_what_is_not_there(ada: Visitor, number: str) -> None:
    for path in ("sign-ins/{}/end", "admins/{}/sign-outs", "admins/{}/disable", "admins/{}/enable"):
        assert ada.send(f"/system/{path.format(number)}", page=PAGE).status_code in (404, 405)
    assert ada.get(f"{PAGE}/{number}/disable").status_code == 404
    assert ada.is_in()


def test_strangers_and_forged_forms_end_nothing(app: Flask, ada: Visitor, bob: Visitor) -> None:
    stranger = Visitor(app)
    paths = ("/system/sign-ins/2/end", f"{PAGE}/2/sign-outs", f"{PAGE}/2/disable", f"{PAGE}/2/enable")
    for path in paths:
        assert ada.post(path).status_code == 400
        assert stranger.post(path, {"csrf_token": stranger.token()}).location == "/sign-in"
    assert bob.is_in()


def test_its_queries_do_not_grow_with_the_sign_ins(app: Flask, ada: Visitor) -> None:
    def asked() -> int:
        with app.app_context(), watched() as found:
            assert ada.get(PAGE).status_code == 200
        return len(found)

    few = asked()
    for _ in range(5):
        Visitor(app).sign_in()
    assert asked() == few
