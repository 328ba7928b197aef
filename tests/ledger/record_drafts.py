"""Helpers for the tests of recording: drafts for Anna, recorded or refused, and what was stored."""

import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.errors import DomainError, InvalidInput
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Customer, Movement
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW

ANNA = "anna@shop.example"


def record_all(*drafts: Draft, source: str = "test", now=NOW):
    """Record `drafts` and commit; returns the results."""
    with db.transaction() as session:
        return record(session, drafts, source, now)


def record_one(points: int | None = None, **more):
    """Record one draft for Anna; returns the result."""
    [outcome] = record_all(Draft(ANNA, points, **more))
    return outcome


def balance(email: str = ANNA, key: str = "default") -> int | None:
    """The balance in the database; None if there is none."""
    with db.transaction() as session:
        return session.scalar(
            select(Balance.points)
            .join(Customer, Customer.id == Balance.customer_id)
            .where(Customer.email == email, Balance.reserve_id == get_reserve(session, key).id)
        )


def movement_count() -> int:
    """The number of movements."""
    return row_counts()[0]


def row_counts() -> list[int]:
    """The numbers of movements, customers and balances."""
    with db.transaction() as session:
        return [session.scalar(select(func.count()).select_from(model)) for model in (Movement, Customer, Balance)]


def expect_refused(*drafts: Draft, of: type[DomainError] = InvalidInput) -> DomainError:
    """The error for these drafts; checks that nothing has changed."""
    before = row_counts()
    with pytest.raises(of) as refusal:
        record_all(*drafts)
    assert row_counts() == before
    return refusal.value
