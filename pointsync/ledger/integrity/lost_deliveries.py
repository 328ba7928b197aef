"""Deliveries that somebody deleted in the database: they are restored, so that no movement stays unsent unnoticed."""

import logging

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in
from pointsync.db.upsert import insert_or_ignore
from pointsync.ledger.outbox import get_local_auth
from pointsync.models import Delivery, LostDelivery, Movement

log = logging.getLogger(__name__)

CHUNK_SIZE = 500
_RESTORED = ("movement_seq", "remote_id", "state", "called_at", "unsure_until", "delivered_at", "is_history")


def are_waiting(session: Session) -> bool:
    """Whether deliveries were deleted since the last time."""
    return session.scalar(select(LostDelivery.id).limit(1)) is not None


def restore_next_chunk(session: Session) -> bool:
    """Restore the next deleted deliveries whose movement is still there. Return whether more remain."""
    noted = session.scalars(select(LostDelivery).order_by(LostDelivery.id).limit(CHUNK_SIZE)).all()
    if not noted:
        return False
    own = select(Movement.seq).where(
        Movement.origin == get_local_auth(session), is_in(Movement.seq, {each.movement_seq for each in noted})
    )
    own_seqs = set(session.scalars(own))
    lost = [each for each in noted if each.movement_seq in own_seqs]
    if lost:
        log.warning("%s deliveries were deleted from the database, and are restored", len(lost))
    insert_or_ignore(
        session, Delivery, [{**{name: getattr(each, name) for name in _RESTORED}, "attempts": 0} for each in lost]
    )
    # By their ids: a note with a lower one may have been committed meanwhile.
    handled = is_in(LostDelivery.id, [each.id for each in noted])
    session.execute(delete(LostDelivery).where(handled), execution_options={"synchronize_session": False})
    return len(noted) == CHUNK_SIZE
