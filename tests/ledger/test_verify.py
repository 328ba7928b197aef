"""The proof of the ledger finds what was edited behind our back."""

import pytest
from flask import Flask
from sqlalchemy import delete, select, update

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.record import Draft, record
from pointsync.ledger.verify import differences
from pointsync.models import Balance, Customer, Movement
from tests.support.frozen import START as NOW
from tests.support.local import reserve

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
