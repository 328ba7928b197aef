"""This site's own movements: their ids, and their deliveries to the remotes."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, insert, literal, select, update
from sqlalchemy.orm import Session

from pointsync.db.chunking import chunks
from pointsync.ids import lowest_id_at
from pointsync.ledger.movement_row import MovementRow
from pointsync.models import Delivery, DeliveryState, Movement, Remote, Site
from pointsync.models.movement import SENT_KINDS


def allocate_ids(session: Session, count: int, now: datetime) -> tuple[str, list[str]]:
    """This site's Auth, and `count` new ids, above all ids that this site has used or received as its own.

    Locks the site's row until the transaction ends. So this site's movements become visible in the order of
    their ids, and a remote that is being added gets each movement once: from its backfill or as a delivery.
    """
    floor = lowest_id_at(now) - 1
    auth, last = session.execute(
        update(Site)
        .values(last_id=case((Site.last_id >= floor, Site.last_id), else_=literal(floor)) + count)
        .returning(Site.auth, Site.last_id)
    ).one()
    return auth, [str(number) for number in range(last - count + 1, last + 1)]


def get_local_auth(session: Session) -> str:
    """This site's Auth."""
    return session.scalars(select(Site.auth)).one()


def enqueue_deliveries(session: Session, rows: Sequence[MovementRow]) -> None:
    """Create a delivery of each new movement to each remote that observes its reserve."""
    rows_to_send = [row for row in rows if row.kind in SENT_KINDS and row.points]
    if not rows_to_send:
        return
    conditions = (
        Remote.reserve_id.in_({row.reserve_id for row in rows_to_send}),
        Remote.deleted_at.is_(None),
        Remote.closing_at.is_(None),
    )
    if not session.scalar(select(Remote.id).where(*conditions).limit(1)):
        return
    for part in chunks(rows_to_send):
        session.execute(
            insert(Delivery).from_select(
                ["movement_seq", "remote_id", "state", "attempts", "is_history"],
                select(Movement.seq, Remote.id, literal(DeliveryState.PENDING.value), literal(0), literal(False))
                .join(Remote, Remote.reserve_id == Movement.reserve_id)
                .where(Movement.origin == part[0].origin, Movement.id.in_([row.id for row in part]), *conditions)
                .order_by(Movement.seq, Remote.id),
            )
        )
