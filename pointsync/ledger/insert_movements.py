"""Inserting movements, with everything that each new movement leads to, wherever it was recorded."""

from collections.abc import Sequence

from sqlalchemy import insert
from sqlalchemy.orm import Session

from pointsync.ledger import hourly_totals, mail_queue
from pointsync.ledger.movement_row import NAMES, MovementRow
from pointsync.ledger.rewards import levels
from pointsync.models import Movement


def insert_movements(session: Session, rows: Sequence[MovementRow]) -> None:
    """Insert `rows`, all of one origin, and update hourly totals, reached levels and mails."""
    session.connection().execute(
        insert(Movement.__table__),  # type: ignore[arg-type]
        [{name: getattr(row, name) for name in NAMES} for row in rows],
    )
    hourly_totals.add_movements(session, rows)
    levels.record_unlocks(session, rows)
    mail_queue.enqueue_redemption_mails(session, rows)
