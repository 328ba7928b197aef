"""The Dashboard: what needs a hand, and where to see to it."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from pointsync import clock, leases
from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.record import Draft, record
from pointsync.models import Delivery, DeliveryState, Movement, Remote, Reserve, Site
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.home.dashboard_page import attention_texts, site_texts
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

pytestmark = pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)

AUTH = "wrk_" + "1" * 16


@pytest.fixture
def in_step(app: Flask) -> None:
    """A site with an address, a process that sends, and one remote that is in step."""

    def change(session: Session) -> None:
        site = session.get_one(Site, 1)
        site.served_url = "http://127.0.0.1:8080"
        leases.record_heartbeat(session, "w" * 32)
        line = sample_remotes.add_remote(session, "https://tea.test", AUTH)
        line.name, line.dialect, line.status, line.status_text = "Tea shop", "pointsync", "green", "In step."
        line.check_code, line.attempt_code, line.facts = "ok", "ok", {"lists": [site.auth]}

    run_in_transaction(app, change)


def refuse_waiting(session: Session) -> None:
    """What waits was refused there."""
    session.execute(update(Delivery).values(state=DeliveryState.FAILED, code="conflict"))


def test_a_first_start_says_how_to_begin(ada: PanelClient) -> None:
    text = ada.get("/").text
    address, begin = attention_texts(text)
    assert address.startswith("Other sites need an address for this one. Tell its public URL under General")
    assert begin.startswith("No remote sites yet. Ask the admin of another shop for its sharing key")
    assert 'href="/system/general"' in text
    assert 'href="/system/points-sync#remotes"' in text
    assert "No movements in these 14 days." in text


@pytest.mark.usefixtures("in_step")
def test_nothing_needs_a_hand(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: sample_remotes.record_waiting(session, 3))
    assert attention_texts(ada.get("/").text) == ["Nothing needs a hand."]


@pytest.mark.usefixtures("in_step")
def test_what_is_held_is_asked_first(app: Flask, ada: PanelClient) -> None:
    assert "Nothing is sent until" not in ada.get("/").text
    reason = "The marker of this database is missing in /data & more."
    run_in_transaction(app, lambda session: setattr(session.get_one(Site, 1), "hold", reason))
    text = ada.get("/").text
    assert "Nothing is sent until you say what this database is." in text
    assert "missing in /data &amp; more." in text
    for what in ("moved", "restored", "copy"):
        assert f'href="/system/hold/{what}"' in text
    assert attention_texts(text) == ["Nothing but what is asked above."]
    assert "Sends Nothing, until you say what this database is." in site_texts(text)[0]


@pytest.mark.usefixtures("in_step")
def test_refused_movements(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: sample_remotes.record_waiting(session, 1))
    run_in_transaction(app, refuse_waiting)
    run_in_transaction(app, lambda session: setattr(session.get_one(Remote, 1), "status", "error"))
    text = ada.get("/").text
    assert attention_texts(text) == [
        "1 movement was refused by Tea shop . Send it again, set it aside or correct it here, under Activity ."
    ], "that it is red for just that is not told twice"
    assert 'href="/system/activity?state=failed"' in text
    run_in_transaction(app, lambda session: sample_remotes.record_waiting(session, 2))
    run_in_transaction(app, refuse_waiting)
    assert attention_texts(ada.get("/").text)[0].startswith("3 movements were refused by Tea shop . Send them again")


@pytest.mark.usefixtures("in_step")
def test_red_remotes(app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        for line in (session.get_one(Remote, 1), *sample_remotes.add_remote_of_each_status(session)):
            line.status, line.attempt_code = "error", "timeout"

    run_in_transaction(app, change)
    assert attention_texts(ada.get("/").text) == [
        "Tea shop , https://shop-1.test/points , Shop 2 and 2 more are red. What is wrong, and what to do, stands "
        "beside each under Points Sync."
    ]


@pytest.mark.usefixtures("in_step")
def test_balances_below_zero(app: Flask, ada: PanelClient) -> None:
    now = clock.now()

    def spent_twice(session: Session) -> None:
        reserve = session.get_one(Reserve, 1)
        apply(session, AUTH, reserve, [IncomingMovement("1", "ada@shop.test", -5, kind="spend")], now)
        allowed = reserves.create(session, "credit", None, now, may_go_below_zero=True)
        apply(session, AUTH, allowed, [IncomingMovement("2", "bob@shop.test", -5, kind="spend")], now)

    run_in_transaction(app, spent_twice)
    text = ada.get("/").text
    [need] = attention_texts(text)
    assert need.startswith("1 balance is below zero, where the reserve does not allow it. The movements that took")
    assert 'href="/system/activity/below-zero"' in text
    run_in_transaction(
        app, lambda session: session.execute(update(Movement).values(recorded_at=now - timedelta(days=99)))
    )
    assert attention_texts(ada.get("/").text) == [need], "however long ago"
    run_in_transaction(app, lambda session: record(session, [Draft("ada@shop.test", 5)], "test", now))
    assert attention_texts(ada.get("/").text) == ["Nothing needs a hand."], "it was put right"


@pytest.mark.usefixtures("in_step")
def test_a_site_that_does_not_list_this_one(app: Flask, ada: PanelClient) -> None:
    def tell(session: Session, lists: list[str], dialect: str = "pointsync") -> None:
        line = session.get_one(Remote, 1)
        line.facts, line.dialect = {"lists": lists}, dialect

    run_in_transaction(app, lambda session: tell(session, ["wrk_" + "9" * 16]))
    text = ada.get("/").text
    [need] = attention_texts(text)
    assert need.startswith("Tea shop does not list this site, so points made there stay there.")
    assert '<a href="/system/network">' in text
    run_in_transaction(app, lambda session: tell(session, [], "woorewards"))
    assert attention_texts(ada.get("/").text) == ["Nothing needs a hand."], "that dialect tells of no lists"


@pytest.mark.usefixtures("in_step")
def test_two_lines_to_one_site_are_told_once(app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        sample_remotes.add_reserve(session, "gold")
        first = session.get_one(Remote, 1)
        first.target = "silver"
        session.flush()
        second = sample_remotes.add_remote(session, "https://tea.test", AUTH, "gold")
        second.name, second.dialect, second.check_code = "Tea shop", "pointsync", "ok"
        first.facts = second.facts = {"lists": []}

    run_in_transaction(app, change)
    assert [need.count("Tea shop") for need in attention_texts(ada.get("/").text)] == [1]


@pytest.mark.usefixtures("in_step")
def test_a_pass_that_ends_there(app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        line = session.get_one(Remote, 1)
        line.facts = line.facts | {"pass_ends_at": "2026-03-02T12:00:00Z"}

    run_in_transaction(app, change)
    [need] = attention_texts(ada.get("/").text)
    assert need.startswith("Tea shop has changed its Pass,")


@pytest.mark.usefixtures("in_step")
def test_clocks_that_are_apart(app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        line = session.get_one(Remote, 1)
        line.check_code, line.clock_offset_seconds = "clock_skew", -421.0

    run_in_transaction(app, change)
    [need] = attention_texts(ada.get("/").text)
    assert need.startswith("The clock of Tea shop and this site's are 7 minutes apart.")


@pytest.mark.usefixtures("in_step")
def test_nobody_sends(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: leases.unregister(session, "w" * 32))
    text = ada.get("/").text
    [need] = attention_texts(text)
    assert need.startswith("Nothing is sent: no process that sends is running. Start pointsync serve")
    assert "Sends Nothing: no process that sends is running." in site_texts(text)[0]
