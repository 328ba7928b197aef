"""System › Network: block a site, preview and reverse its movements, and unblock it."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.models import Movement, Origin, Reversal, Site
from pointsync.schedule import ticks
from pointsync.sync.remotes import blocked_origins
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import main_text
from tests.support.apps import get_reserve
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

PAGE = "/system/network"
AUTH = "wrk_" + "a" * 16
pytestmark = pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)


@pytest.fixture
def thief(app: Flask) -> str:
    """The Auth of a listed site that has sent three movements."""

    def prepare(session: Session) -> None:
        sample_remotes.add_remote(session, "https://tea.test", AUTH).name = "Tea <b>shop</b>"
        incoming = [
            IncomingMovement("1", "anna@shop.test", 100),
            IncomingMovement("2", "anna@shop.test", -30),
            IncomingMovement("3", "b@x.test", -5),
        ]
        apply(session, AUTH, get_reserve(session), incoming, clock.now() - timedelta(days=1))

    run_in_transaction(app, prepare)
    return AUTH


def preview_digest_of(text: str) -> str:
    match = re.search(r'name="preview_digest" value="(\w+)"', text)
    assert match is not None
    return match[1]


def test_a_site_is_blocked_reversed_and_unblocked(app: Flask, ada: PanelClient, thief: str) -> None:
    assert "Tea <b>shop</b>" in main_text(ada.get(f"{PAGE}/block?auth={thief}").text)
    blocked = ada.send(f"{PAGE}/block", auth=thief, reason="Key <i>stolen", since="2026-01-01")
    assert (blocked.status_code, "reversal?" in blocked.location) == (303, True)
    text = ada.get(blocked.location).text
    assert "<b>shop" not in text
    content = main_text(text)
    assert "3 movements of 2 customers were received from Tea <b>shop</b>" in content
    assert "1 balance would go below zero" not in content
    assert "Points −70" in content, "the reserve's name, as in the table above it"
    fields = {"auth": thief, "since": "2026-01-01", "reserve": ""}
    stale = ada.send(f"{PAGE}/reversal", PAGE, **fields, preview_digest="0" * 32)
    assert (stale.status_code, "The movements have changed since the last preview." in main_text(stale.text)) == (
        409,
        True,
    )
    with app.app_context():
        assert db.session().query(Reversal).count() == 0
    assert ada.send(f"{PAGE}/reversal", PAGE, **fields, preview_digest=preview_digest_of(text)).status_code == 303
    repeated = ada.send(f"{PAGE}/reversal", PAGE, **fields, preview_digest=preview_digest_of(text))
    assert (repeated.status_code, "already running" in main_text(repeated.text)) == (409, True)
    assert ": 0 of 3 done." in main_text(ada.get("/").text)
    assert "0 of 3" in main_text(ada.get(PAGE).text)
    with app.app_context():
        ticks.run_reversals()
    run_in_transaction(app, lambda session: blocked_origins.refuse_origin(session, thief, clock.now()))
    content = main_text(ada.get(PAGE).text)
    assert "3 of 3" in content
    assert "by Ada" in content
    assert "Key <i>stolen" in content
    assert "is blocked but still calls this site" in main_text(ada.get("/").text)
    with app.app_context():
        corrections = db.session().query(Movement).filter_by(kind="correction").order_by(Movement.seq).all()
        assert [each.points for each in corrections] == [-70, 5]
        reversal_id = db.session().query(Reversal).one().id
    assert ada.send(f"{PAGE}/reversals/{reversal_id}/stops", PAGE).status_code == 303
    retried = ada.send("/system/points-sync/remotes/1/retries", PAGE)
    assert "is blocked. Unblock it under Network to send what is waiting." in main_text(ada.get(retried.location).text)
    assert "Its movements are accepted again." in main_text(ada.get(f"{PAGE}/unblock?auth={thief}").text)
    assert ada.send(f"{PAGE}/unblock", PAGE, auth=thief).status_code == 303
    assert "None. Block a site" in main_text(ada.get(PAGE).text)


def test_invalid_input_changes_nothing(app: Flask, ada: PanelClient, thief: str) -> None:
    with app.app_context():
        local_auth = db.session().get_one(Site, 1).auth
    for auth, since, sentence in (
        ("nobody", "", "wrk_ followed by 16 hex digits"),
        (local_auth, "", "the Auth of this site"),
        (thief, "yesterday", "Enter a day, or a day and a time"),
        (thief, "2999-01-01", "is in the future"),
        (thief, "2026-02-31", "Enter a day"),
    ):
        answer = ada.send(f"{PAGE}/block", auth=auth, reason="", since=since)
        assert (answer.status_code, sentence in main_text(answer.text)) == (422, True), sentence
    for path in ("unblock", "reversal"):
        assert ada.get(f"{PAGE}/{path}?auth={thief}").status_code == 404
        assert ada.send(f"{PAGE}/{path}", PAGE, auth=thief, since="2026-01-01").status_code == 404
    assert ada.send(f"{PAGE}/reversals/99/stops", PAGE).status_code == 404
    with app.app_context():
        assert db.session().get_one(Origin, thief).blocked_at is None
    run_in_transaction(app, lambda session: blocked_origins.block(session, thief, "", "ada", clock.now()))
    for since, key, code in (("", "", 422), ("soon", "", 422), ("2026-01-01", "none", 422)):
        answer = ada.send(f"{PAGE}/reversal", PAGE, auth=thief, since=since, reserve=key)
        assert answer.status_code == code
    later = f"{clock.now():%Y-%m-%d %H:%M}"
    content = ada.send(f"{PAGE}/reversal", PAGE, auth=thief, since=later, reserve="default")
    assert "Reverse " not in main_text(content.text)
    nothing = ada.send(
        f"{PAGE}/reversal",
        PAGE,
        auth=thief,
        since=later,
        reserve="default",
        preview_digest=preview_digest_of(content.text),
    )
    assert (nothing.status_code, "can be reversed" in main_text(nothing.text)) == (409, True)


def test_refused_unlisted_sites_are_named(app: Flask, ada: PanelClient) -> None:
    assert ada.send(PAGE, only_listed="y", check_seconds="60").status_code == 303
    run_in_transaction(app, lambda session: blocked_origins.refuse_origin(session, AUTH, clock.now()))
    content = main_text(ada.get(PAGE).text)
    assert "Refused, because only listed sites are accepted:" in content
    assert f"{AUTH} : 1 call, the last" in content
    run_in_transaction(app, lambda session: sample_remotes.add_remote(session, "https://tea.test", AUTH))
    assert "Turned away" not in main_text(ada.get(PAGE).text)
