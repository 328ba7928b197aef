"""System › Network: a site blocked, what came from it looked at and taken back, and unblocked again."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.ledger.apply import Incoming, apply
from pointsync.models import Movement, Origin, Reversal, Site
from pointsync.schedule import ticks
from pointsync.sync.remotes import blocked_origins
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH
from tests.admin.page_text import words
from tests.support.apps import reserve
from tests.support.panel_client import Visitor
from tests.support.site_template import change

PAGE = "/system/network"
AUTH = "wrk_" + "a" * 16
pytestmark = pytest.mark.parametrize("where", BOTH, indirect=True)


@pytest.fixture
def thief(app: Flask) -> str:
    """The Auth of a listed site that has sent three movements."""

    def work(session: Session) -> None:
        sample_remotes.add(session, "https://tea.test", AUTH).name = "Tea <b>shop</b>"
        came = [
            Incoming("1", "anna@shop.test", 100),
            Incoming("2", "anna@shop.test", -30),
            Incoming("3", "b@x.test", -5),
        ]
        apply(session, AUTH, reserve(session), came, clock.now() - timedelta(days=1))

    change(app, work)
    return AUTH


def seen(text: str) -> str:
    found = re.search(r'name="seen" value="(\w+)"', text)
    assert found is not None
    return found[1]


def test_blocked_looked_at_taken_back_and_unblocked(app: Flask, ada: Visitor, thief: str) -> None:
    assert "Tea <b>shop</b>" in words(ada.get(f"{PAGE}/block?auth={thief}").text)
    typed = ada.send(f"{PAGE}/block", auth=thief, reason="Key <i>stolen", since="2026-01-01")
    assert (typed.status_code, "reversal?" in typed.location) == (303, True)
    text = ada.get(typed.location).text
    assert "<b>shop" not in text
    shown = words(text)
    assert "3 movements of 2 customers came from Tea <b>shop</b>" in shown
    assert "1 balance would be below zero" not in shown
    assert "−70" in shown
    fields = {"auth": thief, "since": "2026-01-01", "reserve": ""}
    stale = ada.send(f"{PAGE}/reversal", PAGE, **fields, seen="0" * 32)
    assert (stale.status_code, "This is not what you were shown before." in words(stale.text)) == (409, True)
    with app.app_context():
        assert db.db.session().query(Reversal).count() == 0
    assert ada.send(f"{PAGE}/reversal", PAGE, **fields, seen=seen(text)).status_code == 303
    again = ada.send(f"{PAGE}/reversal", PAGE, **fields, seen=seen(text))
    assert (again.status_code, "under way already" in words(again.text)) == (409, True)
    assert "is being taken back: 0 of 3 movements so far." in words(ada.get("/").text)
    assert "0 of 3" in words(ada.get(PAGE).text)
    with app.app_context():
        ticks.reverse()
    change(app, lambda session: blocked_origins.turn_away(session, thief, clock.now()))
    shown = words(ada.get(PAGE).text)
    assert "3 of 3" in shown
    assert "by Ada" in shown
    assert "Key <i>stolen" in shown
    assert "is blocked and still calls" in words(ada.get("/").text)
    with app.app_context():
        made = db.db.session().query(Movement).filter_by(kind="correction").order_by(Movement.seq).all()
        assert [each.points for each in made] == [-70, 5]
        number = db.db.session().query(Reversal).one().id
    assert ada.send(f"{PAGE}/reversals/{number}/stops", PAGE).status_code == 303
    retried = ada.send("/system/points-sync/remotes/1/retries", PAGE)
    assert "is blocked: unblock it under Network" in words(ada.get(retried.location).text)
    assert "What it makes is taken again" in words(ada.get(f"{PAGE}/unblock?auth={thief}").text)
    assert ada.send(f"{PAGE}/unblock", PAGE, auth=thief).status_code == 303
    assert "None. Block a site" in words(ada.get(PAGE).text)


def test_what_is_typed_wrong_is_said_and_changes_nothing(app: Flask, ada: Visitor, thief: str) -> None:
    with app.app_context():
        own = db.db.session().get_one(Site, 1).auth
    for auth, since, sentence in (
        ("nobody", "", "wrk_ and 16 hex digits"),
        (own, "", "this very site"),
        (thief, "yesterday", "Type a day, or a day and a time"),
        (thief, "2999-01-01", "lies ahead"),
        (thief, "2026-02-31", "Type a day"),
    ):
        answer = ada.send(f"{PAGE}/block", auth=auth, reason="", since=since)
        assert (answer.status_code, sentence in words(answer.text)) == (422, True), sentence
    for path in ("unblock", "reversal"):
        assert ada.get(f"{PAGE}/{path}?auth={thief}").status_code == 404
        assert ada.send(f"{PAGE}/{path}", PAGE, auth=thief, since="2026-01-01").status_code == 404
    assert ada.send(f"{PAGE}/reversals/99/stops", PAGE).status_code == 404
    with app.app_context():
        assert db.db.session().get_one(Origin, thief).blocked_at is None
    change(app, lambda session: blocked_origins.block(session, thief, "", "ada", clock.now()))
    for since, key, code in (("", "", 422), ("soon", "", 422), ("2026-01-01", "none", 422)):
        answer = ada.send(f"{PAGE}/reversal", PAGE, auth=thief, since=since, reserve=key)
        assert answer.status_code == code
    later = f"{clock.now():%Y-%m-%d %H:%M}"
    shown = ada.send(f"{PAGE}/reversal", PAGE, auth=thief, since=later, reserve="default")
    assert "Take back" not in words(shown.text)
    nothing = ada.send(f"{PAGE}/reversal", PAGE, auth=thief, since=later, reserve="default", seen=seen(shown.text))
    assert (nothing.status_code, "left to take back" in words(nothing.text)) == (409, True)


def test_who_was_turned_away_for_not_being_listed_is_named(app: Flask, ada: Visitor) -> None:
    assert ada.send(PAGE, only_listed="y", check_seconds="60").status_code == 303
    change(app, lambda session: blocked_origins.turn_away(session, AUTH, clock.now()))
    shown = words(ada.get(PAGE).text)
    assert "Turned away, since only listed sites are accepted:" in shown
    assert f"{AUTH} : 1 call, the last" in shown
    change(app, lambda session: sample_remotes.add(session, "https://tea.test", AUTH))
    assert "Turned away" not in words(ada.get(PAGE).text)
