"""The holds on a customer's page: held points beside the balance, the list, and releasing a hold."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger import reserves
from pointsync.ledger.holds import capture, holds
from pointsync.ledger.holds.capture import CaptureRequest
from pointsync.ledger.holds.holds import HoldRequest
from pointsync.ledger.record import Draft, record
from pointsync.models import AuditEntry, Customer, Hold
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import text_of
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

ALICE = "alice@shop.test"
HOSTILE = "\"'><script>alert(1)</script>"
SOURCE = "api:till"


def place_holds(app: Flask, *refs: str, points: int = 30, reserve: str = "default") -> int:
    """Give Alice 100 points and place holds; her row id."""
    now = clock.now()

    def place(session: Session) -> int:
        record(session, [Draft(ALICE, 100, reserve=reserve)], "test", now)
        for ref in refs:
            request = HoldRequest(ALICE, points, reserve, ref, now + timedelta(hours=1))
            holds.place(session, request, SOURCE, now)
        return session.scalars(select(Customer.id)).one()

    return run_in_transaction(app, place)


def hold_id(app: Flask, ref: str) -> int:
    return run_in_transaction(app, lambda session: session.scalars(select(Hold.id).where(Hold.ref == ref)).one())


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_held_points_beside_the_balance_and_the_list(app: Flask, ada: PanelClient) -> None:
    customer_id = place_holds(app, "cart-1", "cart-2")
    text = text_of(ada.get(f"/customers/{customer_id}").text)
    assert "60 held, 40 free" in text
    assert "cart-1 API key till 30" in text


def test_a_customer_without_holds(app: Flask, ada: PanelClient) -> None:
    text = text_of(ada.get(f"/customers/{place_holds(app)}").text)
    assert not re.search(r"\d held", text)
    assert "Holds" not in text


def test_what_shops_send_is_escaped(app: Flask, ada: PanelClient) -> None:
    customer_id = place_holds(app, HOSTILE)
    for path in (f"/customers/{customer_id}", f"/customers/{customer_id}/holds/{hold_id(app, HOSTILE)}/release"):
        page = ada.get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


def test_the_reserve_is_named_if_there_are_several(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: reserves.create(session, "gold", "Gold points", clock.now()))
    text = text_of(ada.get(f"/customers/{place_holds(app, 'cart-1', reserve='gold')}").text)
    assert "API key till , in Gold points" in text


def test_an_admin_releases_a_hold(app: Flask, ada: PanelClient) -> None:
    customer_id = place_holds(app, "cart-1")
    path = f"/customers/{customer_id}/holds/{hold_id(app, 'cart-1')}/release"
    assert "30 points of alice@shop.test are held until" in text_of(ada.get(path).text)
    answer = ada.send(path)
    assert answer.status_code == 303
    text = text_of(ada.get(f"/customers/{customer_id}").text)
    assert "Released the hold cart-1: 30 points are free again." in text
    assert "30 held" not in text

    def read_log(session: Session) -> AuditEntry:
        return session.scalars(select(AuditEntry).where(AuditEntry.noun == "hold")).one()

    entry = run_in_transaction(app, read_log)
    assert (entry.action, entry.thing, entry.before["ref"], entry.before["points"]) == ("released", ALICE, "cart-1", 30)
    assert "released hold alice@shop.test" in text_of(ada.get("/system/audit").text)
    assert ada.send(path, page=f"/customers/{customer_id}/redeem").status_code == 303
    run_in_transaction(app, read_log)  # a second release is no second entry
    assert "has ended already" in text_of(ada.get(path).text)


def test_a_hold_that_was_captured_meanwhile(app: Flask, ada: PanelClient) -> None:
    customer_id = place_holds(app, "cart-1")
    path = f"/customers/{customer_id}/holds/{hold_id(app, 'cart-1')}/release"
    run_in_transaction(
        app, lambda session: capture.capture(session, SOURCE, "cart-1", CaptureRequest("order-1"), clock.now())
    )
    assert ada.send(path, page=f"/customers/{customer_id}/redeem").status_code == 303
    assert "This hold was captured already" in text_of(ada.get(f"/customers/{customer_id}").text)


def test_a_hold_of_another_customer(app: Flask, ada: PanelClient) -> None:
    customer_id = place_holds(app, "cart-1")
    assert ada.get(f"/customers/{customer_id + 1}/holds/{hold_id(app, 'cart-1')}/release").status_code == 404
    assert ada.get(f"/customers/{customer_id}/holds/999/release").status_code == 404


def test_a_long_list_is_cut(app: Flask, ada: PanelClient) -> None:
    customer_id = place_holds(app, *(f"cart-{number}" for number in range(51)), points=1)
    text = text_of(ada.get(f"/customers/{customer_id}").text)
    assert "51 held, 49 free" in text
    assert "Only the 50 holds that end first are listed" in text
