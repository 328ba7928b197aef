"""Searching the customers of an erasure that came without addresses: another site does not know them any more, and has
sent their hashes only."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger.people.erased import erasure_keys
from pointsync.ledger.people.erased.tokens import is_token, make_hash
from pointsync.ledger.people.erasure import erasing, position, reach
from pointsync.ledger.people.erasure.position import Position
from pointsync.models import Customer, Erasure

SCAN_ROWS = 2000


def find_next(session: Session, erasure: Erasure) -> tuple[list[str], int | None]:
    """The next customers of this erasure, and where the search continues; None at its end."""
    keys = erasure_keys.load_all(session).values()
    hashes = reach.list_hashes(session, erasure)
    query = select(Customer.id, Customer.email).where(Customer.id > (position.read(erasure).scanned or 0))
    rows = session.execute(query.order_by(Customer.id).limit(SCAN_ROWS)).all()
    found = [
        row.email
        for row in rows
        if not is_token(row.email) and any(make_hash(key, row.email) in hashes for key in keys)
    ]
    return found, rows[-1].id if len(rows) == SCAN_ROWS else None


def save(session: Session, erasure: Erasure, found: Collection[str], last_id: int | None, now: datetime) -> set[str]:
    """Erase the customers whom `find_next` has found. Return what `erasing.erase_addresses` returns."""
    position.save(erasure, Position(scanned=last_id))
    changed = erasing.erase_addresses(session, erasure, found, now) if found else set()
    session.flush()
    return changed
