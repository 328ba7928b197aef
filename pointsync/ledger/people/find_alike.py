"""Finding customers with addresses that are alike: each new row is compared once, in the background.

A row without a loose key has not been compared yet. So nobody who records something waits for it, and after an upgrade
the customers of before are compared in the same way. A row whose pair has gone, because the other customer was erased
or is somebody else, is compared once more.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from pointsync.db.chunking import chunks
from pointsync.db.is_in import is_in
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

    Each is paired with the oldest address that is like it, so pairs connect all that are alike, however many. If an
    admin has told the two apart, it is paired with the next one.
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


def compare_again(session: Session, row_ids: Collection[int]) -> None:
    """Let these addresses be compared once more: a pair is gone which connected them with the others."""
    is_compared = Customer.loose_key != loose_keys.NO_KEY
    for part in chunks(sorted(row_ids)):
        statement = update(Customer).where(Customer.id.in_(part), is_compared).values(loose_key=None)
        session.execute(statement, execution_options={"synchronize_session": False})


def _build_pairs(session: Session, keys: dict[int, int], now: datetime) -> list[dict[str, Any]]:
    ends, told_apart = _find_ends(session, sorted(set(keys.values()))), _find_told_apart(session, list(keys))
    pairs = set[tuple[int, int]]()
    for row_id, key in keys.items():
        oldest, newest = ends.get(key, (row_id, row_id))  # an address may have been erased meanwhile
        other: int | None = oldest if oldest != row_id else newest
        if other in told_apart[row_id]:
            other = _find_oldest(session, key, {row_id, *told_apart[row_id]})
        if other is not None and other != row_id:
            pairs.add((min(row_id, other), max(row_id, other)))
    return [
        {"first_id": first, "second_id": second, "reason": ALIKE, "found_at": now} for first, second in sorted(pairs)
    ]


def _find_ends(session: Session, keys: Sequence[int]) -> dict[int, tuple[int, int]]:
    """The oldest and the newest row with each key."""
    query = select(Customer.loose_key, func.min(Customer.id), func.max(Customer.id)).group_by(Customer.loose_key)
    rows = session.execute(query.where(Customer.loose_key.in_(keys)))
    return {key or 0: (oldest, newest) for key, oldest, newest in rows}


def _find_told_apart(session: Session, row_ids: Sequence[int]) -> defaultdict[int, set[int]]:
    """By row, those of which an admin has said that they are not the same."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    columns = (CustomerPair.first_id, CustomerPair.second_id)
    for own, other in (columns, columns[::-1]):
        query = select(own, other).where(is_in(own, row_ids), CustomerPair.dismissed_at.is_not(None))
        for row_id, other_id in session.execute(query):
            found[row_id].add(other_id)
    return found


def _find_oldest(session: Session, key: int, without: Collection[int]) -> int | None:
    """The oldest row with this key, without some."""
    query = select(Customer.id).where(Customer.loose_key == key).order_by(Customer.id).limit(len(without) + 1)
    return next((each for each in session.scalars(query) if each not in without), None)
