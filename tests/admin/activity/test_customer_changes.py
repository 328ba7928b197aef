"""Activity › Changes of customers, and what the Dashboard and the customer's page say about them."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger.people import people
from pointsync.ledger.people.change import Change, digest
from pointsync.ledger.people.changes.receive import ReceivedChange, receive
from pointsync.ledger.record import Draft, record
from pointsync.models import Remote
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import text_of
from tests.support.panel_client import PanelClient
from tests.support.remote_rows import add_remote
from tests.support.site_template import run_in_transaction

PAGE = "/system/activity/customer-changes"
ORIGIN = "wrk_0123456789abcdef"
ALICE, BOB, NEW = "alice@shop.test", "bob@shop.test", "new@shop.test"


def receive_changes(app: Flask, *changes: Change, needs_approval: bool = False) -> None:
    received = [ReceivedChange(each, digest(each)) for each in changes]
    run_in_transaction(
        app, lambda session: receive(session, ORIGIN, received, clock.now(), needs_approval=needs_approval)
    )


def make(number: int, kind: str, customer: str, into: str) -> Change:
    return Change(origin=ORIGIN, id=str(number), at=clock.now(), change=kind, customer=customer, into=into)  # type: ignore[arg-type]


def text(ada: PanelClient, path: str = PAGE) -> str:
    return text_of(ada.get(path).text)


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_change_is_approved_refused_and_approved_again(app: Flask, ada: PanelClient) -> None:
    assert "No changes yet" in text(ada)
    run_in_transaction(app, lambda session: record(session, [Draft(ALICE, 5), Draft(BOB, 7)], "test", clock.now()))
    receive_changes(app, make(7, "merge", ALICE, BOB), needs_approval=True)
    assert "1 change of customers waits for your approval" in text(ada, "/")
    assert "Waiting for approval" in text(ada, f"{PAGE}?state=waiting")
    for action, label in (("approve", "Approved."), ("refuse", "Refused."), ("approve", "Approved.")):
        answer = ada.send(f"{PAGE}/{ORIGIN}/7/{action}", PAGE)
        assert answer.status_code == 303
        assert label in text(ada, answer.location)
    assert "for your approval" not in text(ada, "/")
    assert "already" in text(ada, ada.send(f"{PAGE}/{ORIGIN}/7/approve", PAGE).location)
    assert "There is no change" in text(ada, ada.send(f"{PAGE}/{ORIGIN}/8/refuse", PAGE).location)


def test_a_dispute_is_dismissed(app: Flask, ada: PanelClient) -> None:
    receive_changes(app, make(1, "rename", ALICE, NEW), make(2, "rename", BOB, NEW))
    assert "1 change of customers has no effect" in text(ada, "/")
    assert BOB in text(ada, f"{PAGE}?state=disputed")
    assert ALICE not in text(ada, f"{PAGE}?state=disputed")
    ada.send(f"{PAGE}/{ORIGIN}/2/dismiss", PAGE)
    assert "has no effect" not in text(ada, "/")
    assert "No change matches" in text(ada, f"{PAGE}?state=disputed")


def test_which_sites_have_a_change(app: Flask, ada: PanelClient) -> None:
    with app.app_context():
        for name, dialect in (("Tea shop", "pointsync"), ("Old shop", "woorewards"), ("New shop", None)):
            remote_id = add_remote(f"wrk_{name[:3].lower().encode().hex():0>16}")

            def name_it(session: Session, remote_id=remote_id, name=name, dialect=dialect) -> None:
                remote = session.get_one(Remote, remote_id)
                remote.name, remote.dialect, remote.takes_changes = name, dialect, dialect == "pointsync"

            run_in_transaction(app, name_it)
    run_in_transaction(app, lambda session: record(session, [Draft(ALICE, 5)], "test", clock.now()))
    customer = run_in_transaction(app, lambda session: people.rename(session, ALICE, NEW, clock.now()).id)
    for page in (text(ada), text(ada, f"/customers/{customer}")):
        assert "Sent to 0 of 3 sites" in page
        assert "Waiting for New shop and Tea shop" in page
        assert "Old shop cannot get it" in page
    assert NEW in text(ada, f"{PAGE}?state=undelivered")


def test_a_filter_that_does_not_exist(ada: PanelClient) -> None:
    assert ada.get(f"{PAGE}?state=other").status_code == 422
