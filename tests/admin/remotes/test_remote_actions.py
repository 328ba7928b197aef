"""Remote sites: test, retry, pause, resume and delete a remote."""

import re
from datetime import timedelta

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.models import Delivery, DeliveryState, Remote
from tests.admin import sample_remotes
from tests.admin.conftest import ALSO_POSTGRES
from tests.support.panel_client import PanelClient

PAGE = "/system/points-sync"
REMOTE_PAGE = f"{PAGE}/remotes/1"

pytestmark = pytest.mark.parametrize("database_settings", ALSO_POSTGRES, indirect=True)


@pytest.fixture(autouse=True)
def _remote(app: Flask) -> None:
    with app.app_context(), db.transaction() as session:
        sample_remotes.add_remote(session, "http://127.0.0.1:1", "wrk_" + "1" * 16).name = "Shop <two>"
        sample_remotes.record_waiting(session, 3)


def get_remote(app: Flask) -> Remote:
    """The remote as stored."""
    with app.app_context():
        remote = db.session.get_one(Remote, 1)
        db.session.expunge_all()
        return remote


def test_a_test_shows_its_result(app: Flask, ada: PanelClient) -> None:
    answer = ada.send(f"{REMOTE_PAGE}/tests", PAGE)
    assert answer.location == f"{PAGE}?checked=1#remotes"
    text = ada.get(answer.location).text
    assert "Tested: <bdi>Shop &lt;two&gt;</bdi>" in text
    assert get_remote(app).check_code == "refused_connection"


def test_retry_now_ends_the_wait(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), db.transaction() as session:
        remote = session.get_one(Remote, 1)
        remote.is_probing, remote.next_attempt_at = True, clock.now() + timedelta(hours=1)
    assert ada.send(f"{REMOTE_PAGE}/retries", PAGE).status_code == 303
    assert get_remote(app).next_attempt_at is None
    assert not get_remote(app).is_probing
    assert "Retrying Shop &lt;two&gt; now." in ada.get(PAGE).text


def test_pausing_and_resuming(app: Flask, ada: PanelClient) -> None:
    ada.send(f"{REMOTE_PAGE}/pauses", PAGE)
    assert get_remote(app).paused_at
    text = ada.get(PAGE).text
    assert "is paused. New movements wait" in text
    assert ">Resume<" in text
    assert ">Pause<" not in text
    ada.send(f"{REMOTE_PAGE}/retries", PAGE)
    assert "is paused. Resume it to send what is waiting." in ada.get(PAGE).text
    ada.send(f"{REMOTE_PAGE}/resumes", PAGE)
    assert get_remote(app).paused_at is None
    assert "is resumed. Sending what was waiting." in ada.get(PAGE).text


def test_deleting_names_the_waiting_movements(app: Flask, ada: PanelClient) -> None:
    text = ada.get(f"{REMOTE_PAGE}/delete").text
    assert "3 movements are waiting for it" in text
    assert "Discard 3 and delete" in text
    with app.app_context(), db.transaction() as session:
        sample_remotes.record_waiting(session, 1)
    answer = ada.send(f"{REMOTE_PAGE}/delete", confirmed_count="3")
    assert answer.status_code == 422
    assert "Nothing was deleted: 4 movements are waiting now, not 3." in answer.text
    assert get_remote(app).deleted_at is None
    assert ada.send(f"{REMOTE_PAGE}/delete", confirmed_count="4").status_code == 303
    assert get_remote(app).deleted_at
    text = ada.get(PAGE).text
    assert "Shop &lt;two&gt; is deleted." in text
    assert "No remote sites yet" in text
    with app.app_context():
        assert {each.state for each in db.session.query(Delivery)} == {DeliveryState.SET_ASIDE}


@pytest.mark.parametrize("confirmed_count", ["", "x", "-1", "9" * 30])
def test_deleting_needs_the_count(app: Flask, ada: PanelClient, confirmed_count: str) -> None:
    assert ada.send(f"{REMOTE_PAGE}/delete", confirmed_count=confirmed_count).status_code == 422
    assert get_remote(app).deleted_at is None


def test_an_open_page_is_refreshed_without_using_up_notices(ada: PanelClient) -> None:
    ada.send(f"{REMOTE_PAGE}/pauses", PAGE)
    live = ada.get(PAGE, headers={"X-Live": "1"})
    assert "is paused. New movements wait" not in live.text
    assert re.search(r'id="status-1" data-live="Shop &lt;two&gt;"', live.text)
    assert "is paused. New movements wait" in ada.get(PAGE).text


def test_a_dialog_gets_the_next_url(ada: PanelClient) -> None:
    token = ada.token(f"{REMOTE_PAGE}/delete")
    answer = ada.post(f"{REMOTE_PAGE}/delete", {"csrf_token": token, "confirmed_count": "3"}, headers={"X-Dialog": "1"})
    assert answer.status_code == 204
    assert answer.headers["X-Location"] == f"{PAGE}#remotes"
    assert "is deleted" in ada.get(PAGE).text
