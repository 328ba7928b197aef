"""Reading the feed: each movement once, in the order in which this site recorded it, from every origin."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from pointsync.errors import Conflict
from pointsync.ledger.feed.cursor import Cursor
from pointsync.ledger.feed.lineage import get_lineage
from pointsync.ledger.feed.safe_point import find_safe_seq
from pointsync.models import Customer, Movement, Reserve

LATEST = "latest"
_INVALID = (
    "This cursor is not valid any more: the site's database was restored or replaced since. Get a new one with "
    "after=latest, then read the balances again (POST /balances), and continue from the new cursor. Or leave out "
    "after, and read all movements again: you know each by its origin and id."
)


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """A movement with its customer's address, its reserve's key, and the position after it."""

    movement: Movement
    email: str
    reserve_key: str
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Some movements, oldest first, and where the next page begins."""

    entries: list[FeedEntry]
    next: Cursor


def find_position(session: Session, after: str | None) -> Cursor:
    """The position after the cursor `after`, at the start without one, or after the last movement for `latest`.

    Raises InvalidInput for `after`, or Conflict (`cursor_invalid`) if it comes from another state of the database.
    """
    lineage = get_lineage(session)
    if after is None:
        return Cursor.at_start(lineage)
    if after == LATEST:
        return _find_last(session, lineage)
    cursor = Cursor.parse(after)
    if cursor != _find_exact(session, lineage, cursor.seq):
        raise Conflict("cursor_invalid", _INVALID, {"after": _INVALID})
    return cursor


def has_more(session: Session, position: Cursor) -> bool:
    """Whether anything was recorded after this position; one look at the end of an index."""
    return Movement.get_last_seq(session) > position.seq


def read_page(session: Session, position: Cursor, limit: int) -> FeedPage:
    """At most `limit` movements after this position.

    Movements of 0 points are left out: they exist only for their `ref`.
    """
    safe_seq, address = find_safe_seq(session), aliased(Customer)
    rows = session.execute(
        select(Movement, Customer.email, Reserve.key)
        .select_from(Movement)
        .join(address, address.id == Movement.customer_id)
        .join(Customer, Customer.id == address.person_id())
        .join(Reserve, Reserve.id == Movement.reserve_id)
        .where(Movement.seq > position.seq, Movement.seq <= safe_seq)
        .order_by(Movement.seq)
        .limit(limit)
    ).all()
    entries = [
        FeedEntry(
            movement, email, key, Cursor.after_movement(position.lineage, movement.seq, movement.origin, movement.id)
        )
        for movement, email, key in rows
    ]
    return FeedPage([each for each in entries if each.movement.points], entries[-1].cursor if entries else position)


def _find_exact(session: Session, lineage: str, seq: int) -> Cursor | None:
    """The position after the movement `seq`; None if there is no such movement."""
    if not seq:
        return Cursor.at_start(lineage)
    row = session.execute(select(Movement.origin, Movement.id).where(Movement.seq == seq)).first()
    return Cursor.after_movement(lineage, seq, row.origin, row.id) if row else None


def _find_last(session: Session, lineage: str) -> Cursor:
    """The position after the last movement before which all are visible."""
    query = select(Movement.seq, Movement.origin, Movement.id).where(Movement.seq <= find_safe_seq(session))
    row = session.execute(query.order_by(Movement.seq.desc()).limit(1)).first()
    return Cursor.after_movement(lineage, row.seq, row.origin, row.id) if row else Cursor.at_start(lineage)
