"""What the tests of recording share: drafts for Anna, recorded or refused, and what is kept of them."""

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
    """The outcomes of `drafts`, committed."""
    with db.transaction() as session:
        return record(session, drafts, source, now)


def record_one(points: int | None = None, **more):
    """The one movement that a draft for Anna made."""
    [outcome] = record_all(Draft(ANNA, points, **more))
    return outcome


def balance(email: str = ANNA, key: str = "default") -> int | None:
    """What the database holds; None where there is no balance."""
    with db.transaction() as session:
        return session.scalar(
            select(Balance.points)
            .join(Customer, Customer.id == Balance.customer_id)
            .where(Customer.email == email, Balance.reserve_id == get_reserve(session, key).id)
        )


def movement_count() -> int:
    """How many movements there are."""
    return row_counts()[0]


def row_counts() -> list[int]:
    """How many movements, customers and balances there are."""
    with db.transaction() as session:
        return [session.scalar(select(func.count()).select_from(model)) for model in (Movement, Customer, Balance)]


def expect_refused(*drafts: Draft, of: type[DomainError] = InvalidInput) -> DomainError:
    """Why these are refused; nothing has changed then."""
    before = row_counts()
    with pytest.raises(of) as refusal:
        record_all(*drafts)
    assert row_counts() == before
    return refusal.value
