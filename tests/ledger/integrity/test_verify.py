"""The check of the ledger finds edited rows."""

import pytest
from flask import Flask
from sqlalchemy import delete, select, update

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.integrity.verify import find_balance_differences, find_hourly_total_differences
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Customer, HourlyTotal, Movement, Site
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW

ANNA = "anna@shop.example"
BOB = "bob@shop.example"


@pytest.fixture(autouse=True)
def ledger(app: Flask) -> None:
    """Two customers, two reserves, movements of this site and of another."""
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
        record(session, [Draft(ANNA, 10), Draft(BOB, 20), Draft(ANNA, 7, reserve="gold"), Draft(ANNA, -4)], "test", NOW)
        apply(session, "wrk_0123456789abcdef", get_reserve(session), [IncomingMovement("1", ANNA, 5)], NOW)


def list_differences(**more):
    """The differences that the check finds."""
    with db.transaction() as session:
        return find_balance_differences(session, **more)


def anna_balance_condition(key: str = "default"):
    """A condition for Anna's balance."""
    with db.transaction() as session:
        customer = session.scalars(select(Customer.id).where(Customer.email == ANNA)).one()
        return (Balance.customer_id == customer, Balance.reserve_id == get_reserve(session, key).id)


def execute_edit(statement) -> None:
    """Edit a row directly in the database."""
    with db.transaction() as session:
        assert session.execute(statement).rowcount == 1


def test_a_correct_ledger_has_no_difference():
    assert list_differences() == []


def test_an_edited_balance():
    execute_edit(update(Balance).where(*anna_balance_condition("gold")).values(points=8))
    assert list_differences() == [{"customer": ANNA, "reserve": "gold", "balance": 8, "movements": 7}]


def test_an_edited_movement():
    execute_edit(update(Movement).where(Movement.points == 20).values(points=21))
    assert list_differences() == [{"customer": BOB, "reserve": "default", "balance": 20, "movements": 21}]


def test_a_deleted_movement_received_from_another_site():
    execute_edit(delete(Movement).where(Movement.points == 5))
    assert list_differences() == [{"customer": ANNA, "reserve": "default", "balance": 11, "movements": 6}]


def test_a_deleted_balance_and_one_without_movements():
    execute_edit(delete(Balance).where(*anna_balance_condition()))
    execute_edit(delete(Movement).where(Movement.points == 20))
    assert list_differences() == [
        {"customer": ANNA, "reserve": "default", "balance": 0, "movements": 11},
        {"customer": BOB, "reserve": "default", "balance": 20, "movements": 0},
    ]


def test_edits_that_cancel_out_in_all_still_show():
    execute_edit(update(Balance).where(*anna_balance_condition()).values(points=12))
    execute_edit(update(Balance).where(*anna_balance_condition("gold")).values(points=6))
    assert [(each["reserve"], each["balance"]) for each in list_differences()] == [("default", 12), ("gold", 6)]


def test_at_most_limit_differences_are_listed():
    with db.transaction() as session:
        session.execute(update(Balance).values(points=Balance.points + 1))
    assert [len(list_differences(limit=limit)) for limit in (1, 2, 1000)] == [1, 2, 3]


def list_hourly_total_differences(**more):
    """The differences of the hourly totals."""
    with db.transaction() as session:
        return find_hourly_total_differences(session, **more)


def make_totals(movements: int, given: int, taken: int) -> dict[str, int]:
    """The totals of an hour."""
    return {"movements": movements, "given": given, "taken": taken}


def own_auth() -> str:
    """This site's Auth."""
    with db.transaction() as session:
        return session.get_one(Site, 1).auth


def test_a_correct_ledger_has_hourly_totals_without_difference():
    assert list_hourly_total_differences() == []


def test_an_edited_hourly_total_and_a_deleted_one():
    execute_edit(update(HourlyTotal).where(HourlyTotal.taken == 4).values(given=31))
    execute_edit(delete(HourlyTotal).where(HourlyTotal.origin == "wrk_0123456789abcdef"))
    hour = {"hour": "2026-03-01T12:00:00Z", "reserve": "default"}
    assert sorted(list_hourly_total_differences(), key=lambda each: each["movements"]["given"]) == [
        hour
        | {"origin": own_auth(), "kind": "spend", "flow": make_totals(1, 31, 4), "movements": make_totals(1, 0, 4)},
        hour
        | {
            "origin": "wrk_0123456789abcdef",
            "kind": "manual",
            "flow": make_totals(0, 0, 0),
            "movements": make_totals(1, 5, 0),
        },
    ]


def test_an_hourly_total_without_movements():
    execute_edit(delete(Movement).where(Movement.points == 7))
    assert list_hourly_total_differences() == [
        {
            "hour": "2026-03-01T12:00:00Z",
            "origin": own_auth(),
            "reserve": "gold",
            "kind": "earn",
            "flow": make_totals(1, 7, 0),
            "movements": make_totals(0, 0, 0),
        }
    ]


def test_at_most_limit_hourly_total_differences_are_listed():
    with db.transaction() as session:
        session.execute(update(HourlyTotal).values(movements=HourlyTotal.movements + 1))
    assert [len(list_hourly_total_differences(limit=limit)) for limit in (1, 2, 1000)] == [1, 2, 4]
