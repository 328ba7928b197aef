"""Inserting movements, with everything that each new movement leads to, wherever it was recorded."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from pointsync.db.bulk import insert_many
from pointsync.db.commit_signal import notify_at_commit
from pointsync.ledger import hourly_totals, mail_queue
from pointsync.ledger.feed.safe_point import announce_movements
from pointsync.ledger.movement_row import NAMES, MovementRow, insertable
from pointsync.ledger.rewards import levels
from pointsync.models import Movement


def insert_movements(session: Session, rows: Sequence[MovementRow]) -> None:
    """Insert `rows`, all of one origin, and update hourly totals, reached levels and mails."""
    announce_movements(session)
    insert_many(session, Movement, NAMES, insertable(rows))
    hourly_totals.add_movements(session, rows)
    levels.record_unlocks(session, rows)
    mail_queue.enqueue_redemption_mails(session, rows)
    notify_at_commit(session)
