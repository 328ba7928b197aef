"""History for a newcomer: the movements made before a line was added, owed to it bit by bit."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session, aliased

from pointsync.ledger.outbox import get_local_auth
from pointsync.models import Backfill, Delivery, DeliveryState, Movement, Remote
from pointsync.models.movement import SENT_KINDS

CHUNK_SIZE = 2000
"""Movements looked at in one transaction: short enough that the shop does not wait."""


def count_movements(session: Session, reserve_id: int, first_seq: int = 1) -> int:
    """How many movements of a reserve this site has made, from `first_seq` on, that others are sent."""
    conditions = (*_sent_movements(session, reserve_id), Movement.seq >= first_seq)
    return session.scalar(select(func.count()).select_from(Movement).where(*conditions)) or 0


def start(session: Session, remote: Remote, now: datetime, first_seq: int = 1) -> Backfill:
    """Owe the remote all that this site made in the observed reserve, from `first_seq` on, bit by bit."""
    last_seq = session.scalar(select(func.max(Movement.seq)).where(*_sent_movements(session, remote.reserve_id))) or 0
    backfill = session.get(Backfill, remote.id) or Backfill(remote_id=remote.id)
    backfill.next_seq, backfill.last_seq = first_seq, last_seq
    backfill.total, backfill.done = count_movements(session, remote.reserve_id, first_seq), 0
    backfill.started_at, backfill.stopped_at = now, None
    backfill.finished_at = None if last_seq >= first_seq else now
    session.add(backfill)
    session.flush()
    return backfill


def remaining_count(session: Session, remote_id: int) -> int:
    """How many movements of a history under way are not yet owed; 0 where none is."""
    backfill = session.get(Backfill, remote_id, populate_existing=True)
    if backfill is None or backfill.finished_at or backfill.stopped_at:
        return 0
    return max(backfill.total - backfill.done, 0)


def first_unsent_seq(session: Session, remote: Remote) -> int:
    """From where a line that was closed or deleted goes on: what it was not owed since, or of its history."""
    backfill = session.get(Backfill, remote.id)
    seqs = [(remote.owed_until_seq or 0) + 1]
    if backfill and not backfill.finished_at:
        seqs.append(backfill.next_seq)
    return min(seqs)


def stop(session: Session, remote: Remote, now: datetime) -> None:
    """Owe it no more of its history; what is owed already is sent."""
    backfill = session.get(Backfill, remote.id)
    if backfill and not backfill.finished_at:
        backfill.stopped_at = now
        session.flush()


def list_running(session: Session) -> list[int]:
    """The remotes whose history is under way."""
    return list(
        session.scalars(
            select(Backfill.remote_id)
            .join(Remote, Remote.id == Backfill.remote_id)
            .where(Backfill.finished_at.is_(None), Backfill.stopped_at.is_(None), Remote.deleted_at.is_(None))
        )
    )


def enqueue_next_chunk(session: Session, remote_id: int, now: datetime) -> bool:
    """Write the next deliveries of a remote's history; whether more is left. Harmless when done twice."""
    backfill = session.get(Backfill, remote_id, with_for_update=True, populate_existing=True)
    if backfill is None or backfill.finished_at or backfill.stopped_at:
        return False
    remote = session.get_one(Remote, remote_id)
    last_seq = min(backfill.next_seq + CHUNK_SIZE - 1, backfill.last_seq)
    conditions = (*_sent_movements(session, remote.reserve_id), Movement.seq.between(backfill.next_seq, last_seq))
    already_enqueued = select(Delivery.id).where(Delivery.movement_seq == Movement.seq, Delivery.remote_id == remote_id)
    # An earlier line to the same site may have called for it: then a WooRewards shop may know it already.
    earlier_delivery = aliased(Delivery)
    called_at, unsure_until = (
        select(func.max(column))
        .select_from(earlier_delivery)
        .join(Remote, Remote.id == earlier_delivery.remote_id)
        .where(earlier_delivery.movement_seq == Movement.seq, Remote.auth == remote.auth)
        .correlate(Movement)
        .scalar_subquery()
        for column in (earlier_delivery.called_at, earlier_delivery.unsure_until)
    )
    backfill.done += session.scalar(select(func.count()).select_from(Movement).where(*conditions)) or 0
    session.execute(
        insert(Delivery).from_select(
            ["movement_seq", "remote_id", "state", "attempts", "is_history", "called_at", "unsure_until"],
            select(
                Movement.seq,
                literal(remote_id),
                literal(DeliveryState.PENDING.value),
                literal(0),
                literal(True),
                called_at,
                unsure_until,
            )
            .where(*conditions, ~already_enqueued.exists())
            .order_by(Movement.seq),
        )
    )
    backfill.next_seq = last_seq + 1
    if last_seq >= backfill.last_seq:
        backfill.finished_at = now
    session.flush()
    return backfill.finished_at is None


def progress_json(session: Session, remote: Remote) -> dict[str, Any] | None:
    """`{total, owed, state}` for people: `running`, `stopped` or `finished`; None where none was asked for."""
    backfill = session.get(Backfill, remote.id, populate_existing=True)
    if backfill is None:
        return None
    state = "finished" if backfill.finished_at else "stopped" if backfill.stopped_at else "running"
    return {"total": backfill.total, "owed": backfill.done, "state": state}


def _sent_movements(session: Session, reserve_id: int) -> tuple[Any, ...]:
    """What of this site's movements in a reserve other sites are sent."""
    return (
        Movement.origin == get_local_auth(session),
        Movement.reserve_id == reserve_id,
        Movement.kind.in_(sorted(SENT_KINDS)),
        Movement.points != 0,
    )
