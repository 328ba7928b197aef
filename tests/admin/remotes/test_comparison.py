"""System › Network: whether both sites hold the same, and what an admin does if they do not."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.ledger.integrity import movement_changes
from pointsync.ledger.record import Draft, record
from pointsync.models import (
    AuditEntry,
    Comparison,
    Delivery,
    DeliveryState,
    Difference,
    Movement,
    Remote,
    Site,
    Task,
)
from pointsync.sync.comparison import delivered
from tests.admin import sample_remotes
from tests.admin.conftest import ALSO_POSTGRES
from tests.admin.home.dashboard_page import attention_texts
from tests.admin.page_text import field_errors, main_text
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

PAGE = "/system/network"
ANNA = "anna@shop.test"
FINGERPRINT = re.compile(r'name="fingerprint" type="hidden" value="(\w+)"')
pytestmark = pytest.mark.parametrize("database_settings", ALSO_POSTGRES, indirect=True)


@pytest.fixture
def movement_id(app: Flask) -> str:
    """A movement of 10 points of Anna's, delivered to the tea shop, which is equal."""

    def prepare(session: Session) -> str:
        session.get_one(Site, 1).served_url = "http://127.0.0.1:8080"
        remote = sample_remotes.add_remote(session, "https://tea.test", "wrk_" + "1" * 16)
        remote.name, remote.dialect, remote.check_code, remote.attempt_code = "Tea <b>shop</b>", "pointsync", "ok", "ok"
        remote.is_equal_there = remote.is_equal_here = True
        remote.compared_at, remote.compared_count = clock.now(), 18_233
        [recorded] = record(session, [Draft(ANNA, 10)], "test", clock.now())
        session.execute(update(Delivery).values(state=DeliveryState.DELIVERED))
        delivered.recount(session, remote)
        return recorded.movement.id

    return run_in_transaction(app, prepare)


def add_difference(app: Flask, movement_id: str, kind: str = "altered_there", **there: Any) -> None:
    """Store a difference with the tea shop."""
    here = {} if kind == "unknown_here" else {"here_customer": ANNA, "here_points": 10}

    def add(session: Session) -> None:
        remote = session.scalars(select(Remote)).one()
        remote.is_equal_there, remote.status = False, "error"
        remote.status_text = "1 movement not the same on both sites: choose which one counts."
        auth = session.get_one(Site, 1).auth
        values = {"there_customer": ANNA, "there_points": 1000} | here | there
        session.add(
            Difference(
                remote_id=remote.id, origin=auth, movement_id=movement_id, kind=kind, found_at=clock.now(), **values
            )
        )

    run_in_transaction(app, add)


def differing_balance(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.sum(Movement.points))) or 0


def confirm(ada: PanelClient, path: str) -> Any:
    """Open the dialog of a decision and confirm it."""
    found = FINGERPRINT.search(ada.get(path).text)
    assert found
    return ada.send(path, fingerprint=found[1])


def test_nothing_to_compare(ada: PanelClient) -> None:
    assert "No site to compare with yet." in main_text(ada.get(PAGE).text)


def test_equal_sites(ada: PanelClient, movement_id: str) -> None:
    content = main_text(ada.get(PAGE).text)
    assert "Tea <b>shop</b> Reserve default here, default there Equal Equal" in content
    assert ", 18,233 movements" in content
    assert "Your decision is needed" not in content
    assert "All movements here were last read again: not yet ." in content


def test_a_comparison_that_runs(app: Flask, ada: PanelClient, movement_id: str) -> None:
    def start(session: Session) -> None:
        remote = session.scalars(select(Remote)).one()
        remote.is_equal_there, remote.is_equal_here = False, None
        session.add(Comparison(remote_id=remote.id, started_at=clock.now(), compared=3000, total=18_000))

    run_in_transaction(app, start)
    content = main_text(ada.get(PAGE).text)
    assert "Different Not compared Comparing one by one 3,000 of 18,000" in content


def test_what_the_last_comparison_did(app: Flask, ada: PanelClient, movement_id: str) -> None:
    def finish(session: Session) -> None:
        remote_id = session.scalars(select(Remote.id)).one()
        done = Comparison(
            remote_id=remote_id, started_at=clock.now(), finished_at=clock.now(), sent_again=2, confirmed=1
        )
        session.add(done)

    run_in_transaction(app, finish)
    assert ": 2 sent again, 1 found there." in main_text(ada.get(PAGE).text)


def test_old_movements_are_digested_first(app: Flask, ada: PanelClient, movement_id: str) -> None:
    def upgrade(session: Session) -> None:
        site = session.get_one(Site, 1)
        site.undigested_seq, site.undigested_total = 400, 1000

    run_in_transaction(app, upgrade)
    assert "Reading movements from before the upgrade 600 of 1,000" in main_text(ada.get(PAGE).text)


def test_a_difference_is_shown_with_both_values(app: Flask, ada: PanelClient, movement_id: str) -> None:
    add_difference(app, movement_id, there_customer="x<i>@shop.test")
    text = ada.get(PAGE).text
    content = main_text(text)
    assert "1 movement is not the same on both sites." in content
    assert f"{movement_id} It was changed there. Tea <b>shop</b> +10 for {ANNA} +1,000 for x<i>@shop.test" in content
    assert "Ours counts… Theirs counts…" in content
    assert "x<i>" not in text
    [item] = attention_texts(ada.get("/").text)
    assert item.startswith("1 movement is not the same here and at Tea <b>shop</b> . Decide which value counts under")


@pytest.mark.parametrize(
    ("kind", "there", "expected"),
    [
        ("unknown_here", {}, "It is not here any more. Tea <b>shop</b> Nothing +1,000 for"),
        ("altered_here", {"there_points": 10}, "It was changed here. Tea <b>shop</b> +10 for anna@shop.test +10 for"),
        (
            "altered_there",
            {"there_points": None, "there_customer": None},
            "Tea <b>shop</b> +10 for anna@shop.test Unknown",
        ),
        ("same_id", {}, "Both sites have a movement with this number."),
    ],
)
def test_kinds_of_differences(
    app: Flask, ada: PanelClient, movement_id: str, kind: str, there: Any, expected: str
) -> None:
    add_difference(app, movement_id, kind, **there)
    content = main_text(ada.get(PAGE).text)
    assert expected in content
    assert ("Keep both…" in content) == (kind == "same_id")


@pytest.mark.parametrize(("choice", "points"), [("here", 0), ("there", 990)])
def test_a_decision(app: Flask, ada: PanelClient, movement_id: str, choice: str, points: int) -> None:
    add_difference(app, movement_id)
    path = f"{PAGE}/remotes/1/differences/{movement_id}/{choice}"
    content = main_text(ada.get(path).text)
    assert f"Movement {movement_id} is sent again, so that Tea <b>shop</b> has +10 for {ANNA} again" in content
    expected = (
        f"A new movement is recorded here and sent to all sites: +990 for {ANNA}." if points else "No new movement"
    )
    assert expected in content
    answer = confirm(ada, path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}#comparison")
    assert differing_balance(app) == 10 + points
    with app.app_context():
        assert db.session.scalars(select(Difference)).all() == []
        assert set(db.session.scalars(select(Delivery.state))) == {"pending"}
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.noun == "movement")).one()
        assert (entry.actor, entry.action, entry.thing_id) == ("Ada", "decided about", movement_id)
    assert ada.get(path).status_code == 404
    assert "Ada decided about movement anna@shop.test" in main_text(ada.get("/system/audit").text)


def test_what_changed_since_the_dialog_was_opened_is_shown_again(
    app: Flask, ada: PanelClient, movement_id: str
) -> None:
    add_difference(app, movement_id)
    path = f"{PAGE}/remotes/1/differences/{movement_id}/there"
    found = FINGERPRINT.search(ada.get(path).text)
    assert found
    run_in_transaction(app, lambda session: session.execute(update(Difference).values(there_points=2000)))
    answer = ada.send(path, fingerprint=found[1])
    assert answer.status_code == 409
    content = main_text(answer.text)
    assert "The difference has changed in the meantime." in content
    assert "+1,990 for" in content
    assert differing_balance(app) == 10
    assert ada.send(path).status_code == 409


def test_an_unknown_value_cannot_count(app: Flask, ada: PanelClient, movement_id: str) -> None:
    add_difference(app, movement_id, there_points=None, there_customer=None)
    path = f"{PAGE}/remotes/1/differences/{movement_id}/there"
    answer = ada.get(path)
    assert answer.status_code == 200
    assert "What Tea <b>shop</b> holds is not known" in main_text(answer.text)
    assert not FINGERPRINT.search(answer.text.replace('value=""', ""))
    assert ada.send(path, fingerprint="").status_code == 409
    assert ada.get(f"{PAGE}/remotes/1/differences/{movement_id}/both").status_code == 200
    for wrong in (
        f"remotes/1/differences/{movement_id}/nobody",
        "remotes/1/differences/5/here",
        "remotes/9/send-again",
    ):
        assert ada.get(f"{PAGE}/{wrong}").status_code == 404


def test_compare_now_says_what_was_found(app: Flask, ada: PanelClient, movement_id: str) -> None:
    answer = ada.send(f"{PAGE}/remotes/1/comparisons", page=f"{PAGE}/remotes/1/send-again")
    assert answer.headers["location"] == f"{PAGE}#comparison"
    assert "Tea &lt;b&gt;shop&lt;/b&gt; was not compared." in ada.get(PAGE).text


def send_again(ada: PanelClient, **fields: str) -> Any:
    return ada.send(f"{PAGE}/remotes/1/send-again", **fields)


def test_send_again_asks_for_the_number(app: Flask, ada: PanelClient, movement_id: str) -> None:
    counted = send_again(ada, which="all")
    assert "1 movement was delivered to" in main_text(counted.text)
    assert 'name="confirmed_count" type="hidden" value="1"' in counted.text
    wrong = send_again(ada, which="all", confirmed_count="7")
    assert wrong.status_code == 409
    assert "The number has changed in the meantime." in main_text(wrong.text)
    with app.app_context():
        assert db.session.scalars(select(Task)).all() == []
    confirmed = send_again(ada, which="all", confirmed_count="1")
    assert confirmed.headers["location"].startswith("/system/works/")
    assert "Send again to Tea <b>shop</b>" in main_text(ada.get(confirmed.headers["location"]).text)
    with app.app_context():
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.noun == "remote", AuditEntry.action != "added"))
        assert [(each.action, each.after) for each in entry] == [("resent", {"movements": 1})]


def test_send_again_of_a_customer_and_since_a_time(ada: PanelClient, movement_id: str) -> None:
    assert "1 movement was delivered" in main_text(send_again(ada, which="customer", customer=" ANNA@shop.test").text)
    assert "1 movement was delivered" in main_text(send_again(ada, which="since", since="2026-01-01").text)
    assert "No movement that was delivered" in main_text(send_again(ada, which="since", since="2999-01-01").text)
    back = send_again(ada, which="since", since="2026-01-01", back_to_form="1")
    assert 'value="2026-01-01"' in back.text


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"which": "since", "since": "yesterday"}, "since"),
        ({"which": "since"}, "since"),
        ({"which": "customer", "customer": "nobody@shop.test"}, "customer"),
        ({"which": "customer", "customer": "<b>"}, "customer"),
        ({"which": "nothing"}, "which"),
    ],
)
def test_what_send_again_refuses(ada: PanelClient, movement_id: str, fields: dict[str, str], field: str) -> None:
    answer = send_again(ada, **fields)
    assert answer.status_code == 422
    assert set(field_errors(answer.text)) == {field}


def edit_movement(session: Session) -> None:
    session.execute(text("UPDATE movement SET points = 11"))


def test_an_edited_movement_is_listed_and_accepted(app: Flask, ada: PanelClient, movement_id: str) -> None:
    run_in_transaction(app, edit_movement)
    run_in_transaction(app, lambda session: movement_changes.process_next_chunk(session, clock.now()))
    content = main_text(ada.get(PAGE).text)
    assert "1 movement was changed in this site’s database." in content
    assert f"{movement_id} : +11 for {ANNA}" in content
    [item] = attention_texts(ada.get("/").text)
    assert item.startswith("1 movement was changed in this site’s database.")
    assert "1 movement of this site was changed" in main_text(ada.get(f"{PAGE}/edited").text)
    assert ada.send(f"{PAGE}/edited").status_code == 303
    content = main_text(ada.get(PAGE).text)
    assert "1 edited movement accepted." in content
    assert "changed in this site’s database" not in content
    assert "There is nothing to accept." in main_text(ada.get(f"{PAGE}/edited").text)


def test_what_the_scrub_found(app: Flask, ada: PanelClient, movement_id: str) -> None:
    def finish(count: int) -> None:
        def change(session: Session) -> None:
            site = session.get_one(Site, 1)
            site.scrub_finished_at, site.scrub_differences = clock.now(), count

        run_in_transaction(app, change)

    finish(0)
    assert "Nothing was wrong." in main_text(ada.get(PAGE).text)
    finish(12)
    assert "12 balances and hourly totals are not the sum of the movements." in main_text(ada.get(PAGE).text)
    assert attention_texts(ada.get("/").text)[0].startswith("12 balances and hourly totals are not the sum")
