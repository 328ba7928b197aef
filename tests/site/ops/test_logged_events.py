"""What a site logs: sign-ins and admin decisions, without e-mail addresses."""

import logging
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from pointsync import db
from pointsync.accounts import admins, sign_ins
from tests.support.moving_clock import START as NOW
from tests.sync.site.site_starts import OTHER_URL, confirm, start_site

pytestmark = pytest.mark.usefixtures("app")

CANARY = "canary@shop.example"


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "pointsync")
    return caplog


def test_sign_ins_are_logged_by_admin_id(events):
    with db.transaction() as session:
        admin = admins.create(session, CANARY, "a long password", NOW)
        token = sign_ins.create(session, admin, NOW)
        sign_ins.end(session, token)
        sign_ins.end(session, token)
    assert [each.getMessage() for each in events.records] == [
        f"admin {admin.id} has signed in",
        f"admin {admin.id} has signed out",
    ]
    assert [each.admin for each in events.records] == [admin.id] * 2


def test_an_admins_decision_is_logged(site_config, events):
    start_site(site_config)
    moved = replace(site_config, public_url=OTHER_URL)
    start_site(moved)
    confirm(moved, "moved")
    stopped, event, run = events.records
    assert stopped.levelname == "WARNING"
    assert (event.what, event.levelname) == ("moved", "INFO")
    assert (run.call, run.levelname) == (1, "INFO")


def test_a_database_error_does_not_hold_the_values(app):
    with pytest.raises(DBAPIError) as failure, db.transaction() as session:
        session.execute(text("INSERT INTO setting (name, value, nothing) VALUES (:name, 'x', 1)"), {"name": CANARY})
    assert CANARY not in str(failure.value)
    assert "nothing" in str(failure.value)
