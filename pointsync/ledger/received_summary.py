"""What this site holds of each origin's movements in each reserve: the `have` of the wire protocol."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, outerjoin, select
from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.db.upsert import insert_or_ignore
from pointsync.digests import DigestSum
from pointsync.ledger.movement_row import MovementRow
from pointsync.models import MovementChange, ReceivedSummary, Site


def load(session: Session, origin: str, reserve_id: int) -> tuple[ReceivedSummary | None, bool]:
    """An origin's sum in a reserve, and whether `is_comparable` holds, in one statement."""
    summary, is_known = session.execute(_select_summary(), {"origin": origin, "reserve_id": reserve_id}).one()
    return summary, is_known


@cache
def _select_summary() -> Select[ReceivedSummary, bool]:
    """Built once, because every batch executes it."""
    is_asked = and_(
        ReceivedSummary.origin == bindparam("origin"), ReceivedSummary.reserve_id == bindparam("reserve_id")
    )
    return select(ReceivedSummary, is_comparable()).select_from(outerjoin(Site, ReceivedSummary, is_asked))


def get_have(session: Session, origin: str, reserve_id: int) -> dict[str, Any]:
    """`{count, max_id, hash}`; `max_id` is a decimal string. No `hash` while `is_comparable` does not hold."""
    return have_json(*load(session, origin, reserve_id))


def have_json(summary: ReceivedSummary | None, is_known: bool) -> dict[str, Any]:
    """The same of what `load` has returned."""
    held = summary.held if summary else DigestSum()
    return {
        **(held.to_json() if is_known else {"count": held.count}),
        "max_id": str(summary.max_id if summary else 0),
    }


def get_sum(session: Session, origin: str, reserve_id: int) -> DigestSum | None:
    """The sum of an origin's movements in a reserve; None while old movements are being digested."""
    return sum_received(session, origin, reserve_id) if are_all_digested(session) else None


def sum_received(session: Session, origin: str, reserve_id: int) -> DigestSum:
    """The same, without the movements that are not digested yet."""
    summary = session.get(ReceivedSummary, (origin, reserve_id), populate_existing=True)
    return summary.held if summary else DigestSum()


def are_all_digested(session: Session) -> bool:
    """Whether every movement has its digest; after an upgrade from a version without digests, that takes a while."""
    return session.scalar(select(Site.undigested_seq)) is None


def is_comparable() -> ColumnElement[bool]:
    """That the sums say what the rows contain: all have their digest, and no manual edit waits to be read."""
    is_digested = select(Site.undigested_seq).scalar_subquery().is_(None)
    return and_(is_digested, ~exists(select(MovementChange.id)))


def add_movements(session: Session, origin: str, reserve_id: int, rows: Sequence[MovementRow]) -> None:
    """Add new movements of `origin`, whose row is locked."""
    counted = DigestSum.of(row.digest for row in rows if row.points)
    change(session, origin, reserve_id, counted, max((ids.parse_movement_id(row.id) or 0 for row in rows), default=0))


def change(session: Session, origin: str, reserve_id: int, difference: DigestSum, max_id: int = 0) -> None:
    """Add `difference`, whose count may be negative, to the sum of an origin, whose row is locked."""
    summary = find_for_update(session, origin, reserve_id) or create(session, origin, reserve_id)
    summary.held += difference
    summary.max_id = max(summary.max_id, max_id)
    session.flush()


def change_after_edit(session: Session, origin: str, reserve_id: int, difference: DigestSum) -> None:
    """The same after somebody has edited a row: what was compared before says nothing any more."""
    change(session, origin, reserve_id, difference)
    session.get_one(ReceivedSummary, (origin, reserve_id)).equal_at = None
    session.flush()


def create(session: Session, origin: str, reserve_id: int) -> ReceivedSummary:
    """The sum of an origin, whose row is locked, that has none yet in the reserve."""
    row = {"origin": origin, "reserve_id": reserve_id, "count": 0, "max_id": 0, "hash": 0}
    insert_or_ignore(session, ReceivedSummary, [row])
    summary = find_for_update(session, origin, reserve_id)
    assert summary
    return summary


def find_for_update(session: Session, origin: str, reserve_id: int) -> ReceivedSummary | None:
    """The current sum, locked; None if nothing of the origin was ever received in the reserve."""
    return session.get(ReceivedSummary, (origin, reserve_id), populate_existing=True, with_for_update=True)
