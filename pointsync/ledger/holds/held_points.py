"""How many points of a balance are held now. A hold ends by the time alone: no job is needed for that.

Whoever is about to use the points of a hold whose time is over stores that it has ended, under the lock of the balance.
So two callers never see it in different ways, even if their clocks differ or one of them has waited for the lock.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.orm import Session

from pointsync.db.chunking import chunks
from pointsync.ledger.balances import BalanceKey
from pointsync.ledger.people.members import select_members
from pointsync.models import Customer, Hold
from pointsync.models.hold import ENDED, HELD

MAX_LEAD = timedelta(minutes=10)
"""A call reads the clock before it waits for locks, so a hold may seem to begin in the future. If it begins later than
this, the clock was set back since, and the hold is over: no wait gets longer by that."""


def active_condition(now: datetime) -> ColumnElement[bool]:
    """For queries of holds: it holds its points at `now`."""
    return and_(Hold.state == HELD, Hold.until_at > now, Hold.held_at <= now + MAX_LEAD)


def is_active(hold: Hold, now: datetime) -> bool:
    """Whether the hold holds its points at `now`."""
    return hold.state == HELD and _is_in_time(hold.held_at, hold.until_at, now)


def sum_held(session: Session, keys: Iterable[BalanceKey], now: datetime) -> dict[BalanceKey, int]:
    """How many points of these balances are held; those of which none are, are left out.

    The balances are locked, so that no hold is placed or captured meanwhile. Holds whose time is over become `ended`.
    """
    held: dict[BalanceKey, int] = {}
    ended_ids: list[int] = []
    wanted = set(keys)
    for part in chunks(sorted(wanted)):
        query = (
            select(Hold.id, Customer.person_id(), Hold.reserve_id, Hold.points, Hold.held_at, Hold.until_at)
            .join(Customer, Customer.id == Hold.customer_id)
            .where(
                Hold.customer_id.in_(select_members([customer_id for customer_id, _ in part])),
                Hold.reserve_id.in_({reserve_id for _, reserve_id in part}),
                Hold.state == HELD,
            )
        )
        for hold_id, customer_id, reserve_id, points, held_at, until_at in session.execute(query):
            key = (customer_id, reserve_id)
            if key not in wanted:
                continue
            if _is_in_time(held_at, until_at, now):
                held[key] = held.get(key, 0) + points
            else:
                ended_ids.append(hold_id)
    for ids in chunks(ended_ids):
        session.execute(
            update(Hold)
            .where(Hold.id.in_(ids))
            .values(state=ENDED, ended_at=now)
            .execution_options(synchronize_session=False)
        )
    return held


def sum_held_of(session: Session, customer_ids: Iterable[int], now: datetime) -> dict[BalanceKey, int]:
    """How many points of these customers are held, in all reserves; not locked."""
    held: dict[BalanceKey, int] = {}
    for part in chunks(sorted(set(customer_ids))):
        query = (
            select(Customer.person_id(), Hold.reserve_id, func.sum(Hold.points))
            .join(Customer, Customer.id == Hold.customer_id)
            .where(Hold.customer_id.in_(select_members(part)), active_condition(now))
            .group_by(Customer.person_id(), Hold.reserve_id)
        )
        held |= {(customer_id, reserve_id): int(points) for customer_id, reserve_id, points in session.execute(query)}
    return held


def _is_in_time(held_at: datetime, until_at: datetime, now: datetime) -> bool:
    return held_at <= now + MAX_LEAD and now < until_at
