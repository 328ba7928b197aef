"""Renames and aliases without effect, because the address belongs to another customer."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in
from pointsync.ledger.people.change import ALIAS, RENAME, Change, ChangeKey
from pointsync.ledger.people.replay import People
from pointsync.models import CustomerChange


def mark_disputed(session: Session, related: Sequence[Change], people: People) -> None:
    """Store which of these changes have no effect, because the address belongs to somebody else."""
    keys = {each.key for each in related if each.change in (RENAME, ALIAS)}
    customers = {each.customer for each in related if each.key in keys}
    for row in session.scalars(select(CustomerChange).where(is_in(CustomerChange.customer, customers))):
        key = ChangeKey(row.origin, row.id)
        if key in keys and row.is_disputed != (key in people.disputed):
            row.is_disputed, row.dismissed_at = key in people.disputed, None
    session.flush()
