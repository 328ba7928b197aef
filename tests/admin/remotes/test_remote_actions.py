"""Remote sites: testing, trying again, pausing, resuming, deleting."""

import re
from datetime import timedelta

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.models import Delivery, Remote, State
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH
from tests.support.panel_client import Visitor

PAGE = "/system/points-sync"
LINE = f"{PAGE}/remotes/1"

pytestmark = pytest.mark.parametrize("where", BOTH, indirect=True)


@pytest.fixture(autouse=True)
def _line(app: Flask) -> None:
    with app.app_context(), db.write() as session:
        sample_remotes.add(session, "http://127.0.0.1:1", "wrk_" + "1" * 16).name = "Shop <two>"
        sample_remotes.let_wait(session, 3)


def line(app: Flask) -> Remote:
    """The line, as it is now."""
    with app.app_context():
        remote = db.db.session.get_one(Remote, 1)
        db.db.session.expunge_all()
        return remote


def test_a_test_says_what_it_found(app: Flask, ada: Visitor) -> None:
    answer = ada.send(f"{LINE}/tests", PAGE)
    assert answer.location == f"{PAGE}?checked=1#remotes"
    text = ada.get(answer.location).text
    assert "Tested: <bdi>Shop &lt;two&gt;</bdi>" in text
    assert line(app).check_code == "refused_connection"


def test_retry_now_ends_the_wait(app: Flask, ada: Visitor) -> None:
    with app.app_context(), db.write() as session:
        remote = session.get_one(Remote, 1)
        remote.is_probing, remote.next_attempt_at = True, clock.now() + timedelta(hours=1)
    assert ada.send(f"{LINE}/retries", PAGE).status_code == 303
    assert line(app).next_attempt_at is None
    assert not line(app).is_probing
    assert "Trying Shop &lt;two&gt; again now." in ada.get(PAGE).text


def test_pausing_and_resuming(app: Flask, ada: Visitor) -> None:
    ada.send(f"{LINE}/pauses", PAGE)
    assert line(app).paused_at
    text = ada.get(PAGE).text
    assert "is paused. What is made here waits" in text
    assert ">Resume<" in text
    assert ">Pause<" not in text
    ada.send(f"{LINE}/retries", PAGE)
    assert "is paused: resume it" in ada.get(PAGE).text
    ada.send(f"{LINE}/resumes", PAGE)
    assert line(app).paused_at is None
    assert "is sent to again" in ada.get(PAGE).text


def test_deleting_names_what_waits(app: Flask, ada: Visitor) -> None:
    text = ada.get(f"{LINE}/delete").text
    assert "3 movements wait for it" in text
    assert "Drop 3 and delete" in text
    with app.app_context(), db.write() as session:
        sample_remotes.let_wait(session, 1)
    answer = ada.send(f"{LINE}/delete", dropping="3")
    assert answer.status_code == 422
    assert "Nothing was deleted: 4 wait now, not 3." in answer.text
    assert line(app).deleted_at is None
    assert ada.send(f"{LINE}/delete", dropping="4").status_code == 303
    assert line(app).deleted_at
    text = ada.get(PAGE).text
    assert "The line for Shop &lt;two&gt; is deleted." in text
    assert "No remote sites yet" in text
    with app.app_context():
        assert {each.state for each in db.db.session.query(Delivery)} == {State.ASIDE}


@pytest.mark.parametrize("dropping", ["", "x", "-1", "9" * 30])
def test_deleting_needs_the_count(app: Flask, ada: Visitor, dropping: str) -> None:
    assert ada.send(f"{LINE}/delete", dropping=dropping).status_code == 422
    assert line(app).deleted_at is None


def test_an_open_page_is_refreshed_without_using_up_notices(ada: Visitor) -> None:
    ada.send(f"{LINE}/pauses", PAGE)
    live = ada.get(PAGE, headers={"X-Live": "1"})
    assert "is paused. What is made here waits" not in live.text
    assert re.search(r'id="status-1" data-live="Shop &lt;two&gt;"', live.text)
    assert "is paused. What is made here waits" in ada.get(PAGE).text


def test_a_dialog_is_told_where_to_go(ada: Visitor) -> None:
    token = ada.token(f"{LINE}/delete")
    answer = ada.post(f"{LINE}/delete", {"csrf_token": token, "dropping": "3"}, headers={"X-Dialog": "1"})
    assert answer.status_code == 204
    assert answer.headers["X-Location"] == f"{PAGE}#remotes"
    assert "is deleted" in ada.get(PAGE).text
