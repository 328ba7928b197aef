"""Balances and hourly totals that are not the sum of their movements are counted anew, and it is logged."""

import pytest
from sqlalchemy import delete, select, update

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.integrity import correct_totals
from pointsync.ledger.integrity.verify import find_balance_differences, find_hourly_total_differences
from pointsync.ledger.record import Draft, record
from pointsync.models import AuditEntry, Balance, HourlyTotal, Movement
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW

ANNA, BOB = "anna@shop.example", "bob@shop.example"


@pytest.fixture(autouse=True)
def _ledger(app: object) -> None:
    """Movements of this site in two reserves, and one of another site."""
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
        record(session, [Draft(ANNA, 10), Draft(BOB, 20), Draft(ANNA, 7, reserve="gold"), Draft(ANNA, -4)], "test", NOW)
        apply(session, "wrk_0123456789abcdef", get_reserve(session), [IncomingMovement("1", ANNA, 5)], NOW)


def execute(statement: object) -> None:
    with db.transaction() as session:
        session.execute(statement)


def test_nothing_is_corrected_in_a_correct_ledger() -> None:
    with db.transaction() as session:
        assert correct_totals.correct_balances(session) == correct_totals.correct_hourly_totals(session, NOW) == 0
        assert session.scalars(select(AuditEntry).where(AuditEntry.action == "recounted")).all() == []


def test_balances() -> None:
    execute(update(Balance).where(Balance.points == 20).values(points=21))
    execute(delete(Balance).where(Balance.points == 7))
    execute(update(Movement).where(Movement.points == 5).values(balance=99))
    with db.transaction() as session:
        assert correct_totals.correct_balances(session) == 2
        assert find_balance_differences(session) == []
        entries = session.scalars(select(AuditEntry).where(AuditEntry.noun == "balance")).all()
        assert [(each.thing, each.before["points"], each.after["points"]) for each in entries] == [
            (ANNA, 0, 7),
            (BOB, 21, 20),
        ]


def test_hourly_totals() -> None:
    execute(update(HourlyTotal).where(HourlyTotal.taken == 4).values(given=31))
    execute(delete(HourlyTotal).where(HourlyTotal.origin == "wrk_0123456789abcdef"))
    execute(delete(Movement).where(Movement.points == 7))
    with db.transaction() as session:
        assert correct_totals.correct_hourly_totals(session, NOW) == 3
        assert find_hourly_total_differences(session) == []
        entry = session.scalars(select(AuditEntry).where(AuditEntry.noun == "hourly totals")).one()
        assert entry.after == {"number": 3}
