"""The proof of the ledger finds what was edited behind our back."""

import pytest
from flask import Flask
from sqlalchemy import delete, select, update

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.record import Draft, record
from pointsync.ledger.verify import differences, flow_differences
from pointsync.models import Balance, Customer, Flow, Movement, Site
from tests.support.apps import reserve
from tests.support.moving_clock import START as NOW

ANNA = "anna@shop.example"
BOB = "bob@shop.example"


@pytest.fixture(autouse=True)
def ledger(app: Flask) -> None:
    """Two customers, two reserves, movements of this site and of another."""
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
        record(session, [Draft(ANNA, 10), Draft(BOB, 20), Draft(ANNA, 7, reserve="gold"), Draft(ANNA, -4)], "test", NOW)
        apply(session, "wrk_0123456789abcdef", reserve(session), [Incoming("1", ANNA, 5)], NOW)


def found(**more):
    """What the proof finds."""
    with db.write() as session:
        return differences(session, **more)


def anna(key: str = "default"):
    """The condition that a balance is Anna's."""
    with db.write() as session:
        customer = session.scalars(select(Customer.id).where(Customer.email == ANNA)).one()
        return (Balance.customer_id == customer, Balance.reserve_id == reserve(session, key).id)


def changed(statement) -> None:
    """Edit a row behind our back."""
    with db.write() as session:
        assert session.execute(statement).rowcount == 1


def test_a_sound_ledger_has_no_difference():
    assert found() == []


def test_an_edited_balance():
    changed(update(Balance).where(*anna("gold")).values(points=8))
    assert found() == [{"customer": ANNA, "reserve": "gold", "balance": 8, "movements": 7}]


def test_an_edited_movement():
    changed(update(Movement).where(Movement.points == 20).values(points=21))
    assert found() == [{"customer": BOB, "reserve": "default", "balance": 20, "movements": 21}]


def test_a_deleted_movement_received_from_another_site():
    changed(delete(Movement).where(Movement.points == 5))
    assert found() == [{"customer": ANNA, "reserve": "default", "balance": 11, "movements": 6}]


def test_a_deleted_balance_and_one_without_movements():
    changed(delete(Balance).where(*anna()))
    changed(delete(Movement).where(Movement.points == 20))
    assert found() == [
        {"customer": ANNA, "reserve": "default", "balance": 0, "movements": 11},
        {"customer": BOB, "reserve": "default", "balance": 20, "movements": 0},
    ]


def test_edits_that_cancel_out_in_all_still_show():
    changed(update(Balance).where(*anna()).values(points=12))
    changed(update(Balance).where(*anna("gold")).values(points=6))
    assert [(each["reserve"], each["balance"]) for each in found()] == [("default", 12), ("gold", 6)]


def test_at_most_so_many_are_told():
    with db.write() as session:
        session.execute(update(Balance).values(points=Balance.points + 1))
    assert [len(found(most=most)) for most in (1, 2, 1000)] == [1, 2, 3]


def found_flows(**more):
    """What the proof of the flows finds."""
    with db.write() as session:
        return flow_differences(session, **more)


def flow(movements: int, given: int, taken: int) -> dict[str, int]:
    """What an hour came to."""
    return {"movements": movements, "given": given, "taken": taken}


def own() -> str:
    """This site's Auth."""
    with db.write() as session:
        return session.get_one(Site, 1).auth


def test_a_sound_ledger_has_flows_without_difference():
    assert found_flows() == []


def test_an_edited_flow_and_a_deleted_one():
    changed(update(Flow).where(Flow.taken == 4).values(given=31))
    changed(delete(Flow).where(Flow.origin == "wrk_0123456789abcdef"))
    hour = {"hour": "2026-03-01T12:00:00Z", "reserve": "default"}
    assert sorted(found_flows(), key=lambda each: each["movements"]["given"]) == [
        hour | {"origin": own(), "kind": "spend", "flow": flow(1, 31, 4), "movements": flow(1, 0, 4)},
        hour | {"origin": "wrk_0123456789abcdef", "kind": "manual", "flow": flow(0, 0, 0), "movements": flow(1, 5, 0)},
    ]


def test_a_flow_without_movements():
    changed(delete(Movement).where(Movement.points == 7))
    assert found_flows() == [
        {
            "hour": "2026-03-01T12:00:00Z",
            "origin": own(),
            "reserve": "gold",
            "kind": "earn",
            "flow": flow(1, 7, 0),
            "movements": flow(0, 0, 0),
        }
    ]


def test_at_most_so_many_flows_are_told():
    with db.write() as session:
        session.execute(update(Flow).values(movements=Flow.movements + 1))
    assert [len(found_flows(most=most)) for most in (1, 2, 1000)] == [1, 2, 4]
