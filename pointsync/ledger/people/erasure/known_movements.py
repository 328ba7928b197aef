"""What is known of a customer's movements before a transaction begins that erases the person, so that it need not read
all of them while others wait. Whatever was recorded since has a higher `seq`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.ledger import customers
from pointsync.ledger.people.members import list_members
from pointsync.models import Movement


class Known(NamedTuple):
    """Of the movements of one address."""

    last_seq: int = 0
    total: int = 0
    newest_at: datetime | None = None


KnownMovements = Mapping[int, Known]
"""By the row of the address. What is missing is read in the transaction."""


def read(session: Session, email: str) -> KnownMovements:
    """Those of the customer who has this address. Raises InvalidInput or NotFound."""
    known = {}
    columns = (func.max(Movement.seq), func.count(), func.max(Movement.at))
    for row_id in list_members(session, customers.get(session, email).id):
        last_seq, total, newest_at = session.execute(select(*columns).where(Movement.customer_id == row_id)).one()
        known[row_id] = Known(last_seq or 0, total, newest_at)
    return known


def find_newest(session: Session, row_ids: Iterable[int], known: KnownMovements) -> datetime | None:
    """The last time of the movements of these addresses."""
    found = [known.get(row_id, Known()).newest_at for row_id in row_ids]
    for row_id in row_ids:
        query = select(func.max(Movement.at)).where(Movement.customer_id == row_id)
        found.append(session.scalar(query.where(Movement.seq > known.get(row_id, Known()).last_seq)))
    return max(filter(None, found), default=None)


def list_later(session: Session, row_id: int, until: datetime, known: KnownMovements) -> Sequence[int]:
    """The `seq` of the movements of an address that are dated `until` or later."""
    each = known.get(row_id, Known())
    after = each.last_seq if each.newest_at is not None and each.newest_at < until else 0
    query = select(Movement.seq).where(Movement.customer_id == row_id, Movement.seq > after, Movement.at >= until)
    return session.scalars(query.order_by(Movement.seq)).all()


def count(session: Session, row_id: int, known: KnownMovements) -> int:
    """How many movements an address has."""
    each = known.get(row_id, Known())
    query = select(func.count()).select_from(Movement)
    newer = session.scalar(query.where(Movement.customer_id == row_id, Movement.seq > each.last_seq)) or 0
    return each.total + newer
