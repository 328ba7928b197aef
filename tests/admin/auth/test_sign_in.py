"""Signing in and out, and when sessions end."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

from pointsync import clock, db
from pointsync.accounts import admins, sign_ins
from pointsync.accounts.sign_ins import IDLE_TIMEOUT, LIFETIME
from pointsync.admin.auth import rate_limit
from pointsync.models import Admin, SignIn
from tests.admin.conftest import BOTH_DATABASES
from tests.support.moving_clock import MovingClock
from tests.support.panel_client import NAME, PASSWORD, PanelClient

ON_BOTH = pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)

WRONG = "Wrong name or password."


@ON_BOTH
def test_signing_in_with_name_and_password(stranger: PanelClient) -> None:
    answer = stranger.sign_in()
    assert (answer.status_code, answer.location) == (303, "/")
    assert stranger.is_in()
    assert NAME in stranger.get("/").text


@pytest.mark.parametrize("name", [NAME, f" {NAME} "])
def test_spaces_around_a_name_are_ignored(stranger: PanelClient, name: str) -> None:
    assert stranger.sign_in(name=name).status_code == 303


@pytest.mark.parametrize(
    ("name", "password"),
    [
        (NAME, "wrong horse battery"),
        (NAME, PASSWORD + " "),
        (NAME, PASSWORD + "\0"),
        ("Eve", PASSWORD),
        ("ada", PASSWORD),
        (f"{NAME}\0", PASSWORD),
        ("a" * 40_000, PASSWORD),
        (NAME, "x" * 40_000),
        ("' OR 1=1 --", PASSWORD),
    ],
)
def test_a_wrong_name_and_a_wrong_password_get_the_same_error(stranger: PanelClient, name: str, password: str) -> None:
    answer = stranger.sign_in(name, password)
    assert answer.status_code == 422
    assert WRONG in answer.text
    assert not stranger.is_in()


def test_an_unknown_name_is_hashed_too(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    costs: list[str] = []
    monkeypatch.setattr(admins, "check_password_hash", lambda kept, _typed: costs.append(kept.split("$")[0]))
    with app.app_context():
        for name in (NAME, "Eve", "a\0b", ""):
            assert admins.authenticate(db.session(), name, PASSWORD) is None
    assert costs == [admins.HASH_METHOD.split("$")[0]] * 4


@pytest.mark.parametrize(("name", "password"), [("", PASSWORD), (NAME, ""), ("", "")])
def test_an_empty_field(stranger: PanelClient, name: str, password: str) -> None:
    answer = stranger.sign_in(name, password)
    assert answer.status_code == 422
    assert "Type your" in answer.text


def test_a_signed_in_admin_skips_the_form(ada: PanelClient) -> None:
    assert ada.get("/sign-in").location == "/"


@ON_BOTH
def test_signing_out_ends_the_session_in_every_copy(app: Flask, ada: PanelClient) -> None:
    thief = PanelClient(app)
    thief.client.set_cookie("pointsync_session", ada.cookie())
    assert thief.is_in()
    answer = ada.send("/sign-out", page="/")
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert "You are signed out" in ada.get("/sign-in").text
    assert not ada.is_in()
    assert not thief.is_in()


def test_signing_out_leaves_other_browsers_alone(app: Flask, ada: PanelClient) -> None:
    other = PanelClient(app)
    other.sign_in()
    ada.send("/sign-out", page="/")
    assert other.is_in()


def test_signing_out_needs_a_post(ada: PanelClient) -> None:
    assert ada.get("/sign-out").status_code == 405
    assert ada.is_in()


def test_a_session_from_before_the_sign_in_is_not_kept(app: Flask) -> None:
    victim, attacker = PanelClient(app), PanelClient(app)
    token = attacker.token()
    planted = attacker.cookie()
    victim.client.set_cookie("pointsync_session", planted)
    victim.post("/sign-in", {"csrf_token": token, "name": NAME, "password": PASSWORD})
    assert victim.is_in()
    assert victim.cookie() != planted
    assert not attacker.is_in()
    answer = victim.post("/sign-out", {"csrf_token": token})
    assert answer.status_code == 400
    assert victim.is_in()


@ON_BOTH
def test_an_unused_sign_in_ends_earlier(app: Flask, moving_clock: MovingClock) -> None:
    visitor = PanelClient(app)
    visitor.sign_in()
    moving_clock.advance(IDLE_TIMEOUT)
    assert not visitor.is_in()


def change_admin(app: Flask, work: Callable[[Session, int], object]) -> None:
    """Change the admin like a command or another admin would; there is a second admin."""
    with app.app_context():
        db.run_in_transaction(lambda session: admins.create(session, "Bob", PASSWORD, clock.now()))
        db.run_in_transaction(lambda session: work(session, admins.get_by_name(session, NAME).id))


ENDINGS: dict[str, Callable[[Session, int], object]] = {
    "disabled": lambda session, number: admins.disable(session, number, clock.now()),
    "reset": lambda session, number: admins.reset_password(session, number, PASSWORD),
    "changed": lambda session, number: admins.change_password(session, number, PASSWORD, PASSWORD),
    "removed": lambda session, number: admins.remove(session, number),
    "ended": lambda session, number: sign_ins.end_all(session, session.get_one(Admin, number)),
}


@pytest.mark.parametrize("work", ENDINGS.values(), ids=ENDINGS)
def test_old_sessions_end_for_good(app: Flask, ada: PanelClient, work: Callable[[Session, int], object]) -> None:
    assert ada.is_in()
    change_admin(app, work)
    assert not ada.is_in()
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(SignIn)) == 0, "an enabled admin's do not revive"


def test_only_the_right_password_shows_that_an_admin_is_disabled(app: Flask, stranger: PanelClient) -> None:
    change_admin(app, ENDINGS["disabled"])
    right, wrong, nobody = (
        stranger.sign_in(*typed) for typed in ((NAME, PASSWORD), (NAME, PASSWORD + "x"), ("Eve", PASSWORD))
    )
    assert [each.status_code for each in (right, wrong, nobody)] == [422] * 3
    assert "Your account is disabled" in right.text
    assert "Ask another admin to enable it again." in right.text
    for answer in (wrong, nobody):
        assert WRONG in answer.text
        assert "disabled" not in answer.text
    assert not stranger.is_in()
    assert not stranger.cookie(rate_limit.COOKIE), "nor is this browser known from now on"
    with app.app_context():
        db.run_in_transaction(lambda session: admins.enable(session, admins.get_by_name(session, NAME).id))
    assert stranger.sign_in().status_code == 303


@pytest.mark.usefixtures("stopped_clock")
def test_attempts_for_a_disabled_admin_are_counted(app: Flask, stranger: PanelClient) -> None:
    change_admin(app, ENDINGS["disabled"])
    tries = [stranger.sign_in().status_code for _ in range(rate_limit.RATE_PER_NAME.per_minute + 1)]
    assert tries == [422] * rate_limit.RATE_PER_NAME.per_minute + [429]


def test_a_changed_password_ends_old_sessions(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), db.transaction() as session:
        admin = session.scalars(select(Admin)).one()
        admin.password_hash = generate_password_hash("another horse battery", admins.HASH_METHOD)
    assert not ada.is_in()
    assert ada.sign_in(password="another horse battery").status_code == 303


def test_a_removed_admin_is_signed_out(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), db.transaction() as session:
        session.delete(session.scalars(select(Admin)).one())
    assert not ada.is_in()


@ON_BOTH
def test_a_sign_in_expires(app: Flask, moving_clock: MovingClock) -> None:
    visitor = PanelClient(app)
    visitor.sign_in()
    for _ in range(2):
        moving_clock.advance(IDLE_TIMEOUT - timedelta(seconds=1))
        assert visitor.is_in(), "it is in use"
    moving_clock.advance(LIFETIME - 2 * IDLE_TIMEOUT + timedelta(seconds=1))
    assert visitor.is_in()
    moving_clock.advance(timedelta(seconds=1))
    assert not visitor.is_in()
    visitor.sign_in()
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(SignIn)) == 1, "the ended one is forgotten"


def test_the_cookie_does_not_contain_the_password_hash(app: Flask, ada: PanelClient) -> None:
    with app.app_context():
        kept = db.session.scalars(select(Admin.password_hash)).one()
        digests = db.session.scalars(select(SignIn.digest)).all()
    text = ada.client.application.session_interface.get_signing_serializer(app).loads(ada.cookie())["_user_id"]  # type: ignore[union-attr,attr-defined]
    token, _, fingerprint = text.partition(".")
    assert token not in digests
    assert fingerprint not in kept
    assert kept not in text


def test_names_are_normalised(app_without_admin: Flask) -> None:
    with app_without_admin.app_context():
        db.run_in_transaction(lambda session: admins.create(session, "Zoe\u0308", PASSWORD, clock.now()))
    assert PanelClient(app_without_admin).sign_in(name="Zo\u00eb").status_code == 303
