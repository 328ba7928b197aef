"""What the log tells of a site: who signs in, what an admin has said; and what it hides."""

import logging
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from pointsync import db
from pointsync.accounts import admins, sign_ins
from tests.support.moving_clock import START as NOW
from tests.sync.site.site_starts import OTHER_URL, confirm, start

pytestmark = pytest.mark.usefixtures("app")

CANARY = "canary@shop.example"


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "pointsync")
    return caplog


def test_who_signs_in_and_out_is_told_by_number(events):
    with db.write() as session:
        admin = admins.create(session, CANARY, "a long password", NOW)
        token = sign_ins.begin(session, admin, NOW)
        sign_ins.end(session, token)
        sign_ins.end(session, token)
    assert [each.getMessage() for each in events.records] == [
        f"admin {admin.id} has signed in",
        f"admin {admin.id} has signed out",
    ]
    assert [each.admin for each in events.records] == [admin.id] * 2


def test_what_an_admin_has_said_is_told(here, events):
    start(here)
    moved = replace(here, public_url=OTHER_URL)
    start(moved)
    confirm(moved, "moved")
    [event] = events.records
    assert (event.what, event.levelname) == ("moved", "INFO")


def test_what_was_written_is_not_in_a_databases_error(app):
    with pytest.raises(DBAPIError) as failure, db.write() as session:
        session.execute(text("INSERT INTO setting (name, value, nothing) VALUES (:name, 'x', 1)"), {"name": CANARY})
    assert CANARY not in str(failure.value)
    assert "nothing" in str(failure.value)
