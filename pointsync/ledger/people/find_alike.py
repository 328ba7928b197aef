"""Finding customers with addresses that are alike: each new row is compared once, in the background.

A row without a loose key has not been compared yet. So nobody who records something waits for it, and after an upgrade
the customers of before are compared in the same way.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from pointsync.db.upsert import insert_or_ignore
from pointsync.ledger.people import loose_keys
from pointsync.models import Customer, CustomerPair
from pointsync.models.customer_pair import ALIKE

CHUNK_SIZE = 500
"""Rows per transaction: few enough that a shop does not wait for it."""


def count_remaining(session: Session) -> int:
    """How many addresses have not been compared with the others yet."""
    return session.scalar(select(func.count()).select_from(Customer).where(Customer.loose_key.is_(None))) or 0


def has_remaining(session: Session) -> bool:
    """Whether there are any."""
    return session.scalar(select(Customer.id).where(Customer.loose_key.is_(None)).limit(1)) is not None


def process_next_chunk(session: Session, now: datetime) -> bool:
    """Compare the next addresses with all others; whether there were any.

    Each is paired with the oldest address that is like it, so pairs connect all that are alike, however many.
    """
    rows = session.execute(
        select(Customer.id, Customer.email).where(Customer.loose_key.is_(None)).order_by(Customer.id).limit(CHUNK_SIZE)
    ).all()
    keys = {row.id: loose_keys.compute(row.email) for row in rows}
    if not keys:
        return False
    session.connection().execute(
        update(Customer.__table__)  # type: ignore[arg-type]
        .where(Customer.id == bindparam("row"), Customer.loose_key.is_(None))
        .values(loose_key=bindparam("key")),
        [{"row": row_id, "key": key} for row_id, key in keys.items()],
    )
    insert_or_ignore(session, CustomerPair, _build_pairs(session, keys, now))
    return True


def _build_pairs(session: Session, keys: dict[int, int], now: datetime) -> list[dict[str, Any]]:
    ends = _find_ends(session, sorted(set(keys.values())))
    pairs = set[tuple[int, int]]()
    for row_id, key in keys.items():
        oldest, newest = ends.get(key, (row_id, row_id))  # an address may have been erased meanwhile
        other = oldest if oldest != row_id else newest
        if other != row_id:
            pairs.add((min(row_id, other), max(row_id, other)))
    return [
        {"first_id": first, "second_id": second, "reason": ALIKE, "found_at": now} for first, second in sorted(pairs)
    ]


def _find_ends(session: Session, keys: Sequence[int]) -> dict[int, tuple[int, int]]:
    """The oldest and the newest row with each key."""
    query = select(Customer.loose_key, func.min(Customer.id), func.max(Customer.id)).group_by(Customer.loose_key)
    rows = session.execute(query.where(Customer.loose_key.in_(keys)))
    return {key or 0: (oldest, newest) for key, oldest, newest in rows}
