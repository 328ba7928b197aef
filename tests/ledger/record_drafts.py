"""What the tests of recording share: drafts for Anna, recorded or refused, and what is kept of them."""

import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.errors import Invalid, Refused
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Customer, Movement
from tests.support.apps import reserve
from tests.support.moving_clock import START as NOW

ANNA = "anna@shop.example"


def recorded(*drafts: Draft, source: str = "test", now=NOW):
    """The outcomes of `drafts`, committed."""
    with db.write() as session:
        return record(session, drafts, source, now)


def made(points: int | None = None, **more):
    """The one movement that a draft for Anna made."""
    [outcome] = recorded(Draft(ANNA, points, **more))
    return outcome


def balance(email: str = ANNA, key: str = "default") -> int | None:
    """What the database holds; None where there is no balance."""
    with db.write() as session:
        return session.scalar(
            select(Balance.points)
            .join(Customer, Customer.id == Balance.customer_id)
            .where(Customer.email == email, Balance.reserve_id == reserve(session, key).id)
        )


def count() -> int:
    """How many movements there are."""
    return counts()[0]


def counts() -> list[int]:
    """How many movements, customers and balances there are."""
    with db.write() as session:
        return [session.scalar(select(func.count()).select_from(model)) for model in (Movement, Customer, Balance)]


def refused(*drafts: Draft, of: type[Refused] = Invalid) -> Refused:
    """Why these are refused; nothing has changed then."""
    before = counts()
    with pytest.raises(of) as refusal:
        recorded(*drafts)
    assert counts() == before
    return refusal.value
