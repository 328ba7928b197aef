"""The Dashboard: what needs attention, and where to solve it."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from pointsync import clock, leases
from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.fetch_back import state
from pointsync.ledger.record import Draft, record
from pointsync.models import Delivery, DeliveryState, Movement, Remote, Reserve, Site, Worker
from pointsync.sync.remotes import sending_problem
from tests.admin import sample_remotes
from tests.admin.conftest import ALSO_POSTGRES
from tests.admin.home.dashboard_page import attention_texts, site_texts
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

pytestmark = pytest.mark.parametrize("database_settings", ALSO_POSTGRES, indirect=True)

AUTH = "wrk_" + "1" * 16
HOUR = timedelta(hours=1)


@pytest.fixture
def in_step(app: Flask) -> None:
    """A site with a URL, a worker, and one remote that is in step."""

    def change(session: Session) -> None:
        site = session.get_one(Site, 1)
        site.served_url = "http://127.0.0.1:8080"
        remote = sample_remotes.add_remote(session, "https://tea.test", AUTH)
        remote.name, remote.dialect, remote.status, remote.status_text = "Tea shop", "pointsync", "green", "In step."
        remote.check_code, remote.attempt_code, remote.facts = "ok", "ok", {"lists": [site.auth]}

    run_in_transaction(app, change)


def refuse_waiting(session: Session) -> None:
    """Mark all waiting deliveries as refused."""
    session.execute(update(Delivery).values(state=DeliveryState.FAILED, code="conflict"))


def test_a_new_site_shows_the_next_steps(ada: PanelClient) -> None:
    text = ada.get("/").text
    url, remotes = attention_texts(text)
    assert url.startswith("This site has no public URL yet. Enter it under General")
    assert remotes.startswith("No remote sites yet. Ask the admin of another shop for its sharing key")
    assert 'href="/system/general"' in text
    assert 'href="/system/points-sync#remotes"' in text
    assert "No movements in these 14 days." in text


@pytest.mark.usefixtures("in_step")
def test_all_good(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: sample_remotes.record_waiting(session, 3))
    assert attention_texts(ada.get("/").text) == ["All good."]


@pytest.mark.usefixtures("in_step")
def test_stopped_sending_has_a_question_first(app: Flask, ada: PanelClient) -> None:
    assert "Sending is stopped until" not in ada.get("/").text
    reason = "The marker of this database is missing in /data & more."
    run_in_transaction(app, lambda session: setattr(session.get_one(Site, 1), "hold", reason))
    text = ada.get("/").text
    assert "Sending is stopped until you say what this database is." in text
    assert "missing in /data &amp; more." in text
    for what in ("moved", "restored", "copy"):
        assert f'href="/system/hold/{what}"' in text
    assert attention_texts(text) == ["Answer the question above."]
    assert "Sending Stopped, until you answer the question above." in site_texts(text)[0]


@pytest.mark.usefixtures("in_step")
def test_refused_movements(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: sample_remotes.record_waiting(session, 1))
    run_in_transaction(app, refuse_waiting)
    run_in_transaction(app, lambda session: setattr(session.get_one(Remote, 1), "status", "error"))
    text = ada.get("/").text
    assert attention_texts(text) == [
        "1 movement was refused by Tea shop . Send it again, set it aside or correct it here under Activity ."
    ], "a remote that is red only because of these has no item of its own"
    assert 'href="/system/activity?state=failed"' in text
    run_in_transaction(app, lambda session: sample_remotes.record_waiting(session, 2))
    run_in_transaction(app, refuse_waiting)
    assert attention_texts(ada.get("/").text)[0].startswith("3 movements were refused by Tea shop . Send them again")


@pytest.mark.usefixtures("in_step")
def test_red_remotes(app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        for remote in (session.get_one(Remote, 1), *sample_remotes.add_remote_of_each_status(session)):
            remote.status, remote.attempt_code = "error", "timeout"

    run_in_transaction(app, change)
    text = ada.get("/").text
    assert attention_texts(text) == [
        "Tea shop : In step. Retry now",
        f"https://shop-1.test/points : {sample_remotes.STATUS_TEXTS['none']} Retry now",
        f"Shop 2 : {sample_remotes.STATUS_TEXTS['green']} Retry now",
        "2 more remotes are red. See Points Sync.",
    ]
    retry_form = text.partition('<form id="retry-form" method="post">')[2].partition("</form>")[0]
    token = re.findall(r'name="csrf_token" value="([^"]+)"', retry_form)
    paths = re.findall(r'form="retry-form" formaction="([^"]+)"', text)
    assert [path.split("/")[-2:] for path in paths] == [["1", "retries"], ["2", "retries"], ["3", "retries"]]
    assert ada.post(paths[0], {"csrf_token": token}).status_code == 303


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
    [item] = attention_texts(text)
    assert item.startswith("1 balance is below zero although the reserve does not allow it. See the movements")
    assert 'href="/system/activity/below-zero"' in text
    run_in_transaction(
        app, lambda session: session.execute(update(Movement).values(recorded_at=now - timedelta(days=99)))
    )
    assert attention_texts(ada.get("/").text) == [item], "no matter how old the movement is"
    run_in_transaction(app, lambda session: record(session, [Draft("ada@shop.test", 5)], "test", now))
    assert attention_texts(ada.get("/").text) == ["All good."], "it was corrected"


@pytest.mark.usefixtures("in_step")
def test_a_site_that_does_not_list_this_one(app: Flask, ada: PanelClient) -> None:
    def set_lists(session: Session, lists: list[str], dialect: str = "pointsync") -> None:
        remote = session.get_one(Remote, 1)
        remote.facts, remote.dialect = {"lists": lists}, dialect

    run_in_transaction(app, lambda session: set_lists(session, ["wrk_" + "9" * 16]))
    text = ada.get("/").text
    [item] = attention_texts(text)
    assert item.startswith("Tea shop does not list this site, so points recorded there do not arrive here.")
    assert '<a href="/system/network">' in text
    run_in_transaction(app, lambda session: set_lists(session, [], "woorewards"))
    assert attention_texts(ada.get("/").text) == ["All good."], "WooRewards sites do not report their lists"


@pytest.mark.usefixtures("in_step")
def test_two_remotes_for_one_site_are_listed_once(app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        sample_remotes.add_reserve(session, "gold")
        first = session.get_one(Remote, 1)
        first.target = "silver"
        session.flush()
        second = sample_remotes.add_remote(session, "https://tea.test", AUTH, "gold")
        second.name, second.dialect, second.check_code = "Tea shop", "pointsync", "ok"
        first.facts = second.facts = {"lists": []}

    run_in_transaction(app, change)
    assert [item.count("Tea shop") for item in attention_texts(ada.get("/").text)] == [1]


@pytest.mark.usefixtures("in_step")
def test_a_pass_that_ends_soon(app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        remote = session.get_one(Remote, 1)
        remote.facts = remote.facts | {"pass_ends_at": "2026-03-02T12:00:00Z"}

    run_in_transaction(app, change)
    [item] = attention_texts(ada.get("/").text)
    assert item.startswith("Tea shop has changed its Pass,")


@pytest.mark.usefixtures("in_step")
def test_clocks_that_differ(app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        remote = session.get_one(Remote, 1)
        remote.check_code, remote.clock_offset_seconds = "clock_skew", -421.0

    run_in_transaction(app, change)
    [item] = attention_texts(ada.get("/").text)
    assert item.startswith("The clock of Tea shop and of this site differ by 7 minutes.")


@pytest.mark.usefixtures("in_step")
def test_no_worker(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: leases.unregister(session, sample_remotes.WORKER_ID))
    text = ada.get("/").text
    [item] = attention_texts(text)
    assert item.startswith("Nothing is sent, since no worker is running. Start pointsync serve")
    assert "Sending Stopped, as described above." in site_texts(text)[0]


@pytest.mark.usefixtures("in_step")
def test_a_problem_of_the_whole_site_is_not_repeated_for_each_remote(app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        state.begin(session, clock.now())
        problem = sending_problem.find(session)
        for remote in (session.get_one(Remote, 1), *sample_remotes.add_remote_of_each_status(session)[:1]):
            remote.status, remote.status_text = "error", problem or ""
        remote.status_text += " shop-1.test refused the connection."

    run_in_transaction(app, change)
    text = ada.get("/").text
    items = attention_texts(text)
    assert items[0] == "https://shop-1.test/points : shop-1.test refused the connection. Retry now"
    assert [each[:44] for each in items[1:]] == ["This site fetches its lost movements back, a"]
    assert "Sending Stopped, as described above." in site_texts(text)[0]


@pytest.mark.usefixtures("in_step")
def test_a_silent_worker(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: session.execute(update(Worker).values(heartbeat_at=clock.now() - HOUR)))
    [item] = attention_texts(ada.get("/").text)
    assert item.startswith("Nothing is sent, since the scheduler does not respond any more. Restart this site")
