"""A new remote's backfill: deliveries of movements recorded before it was added, enqueued in chunks."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from msgspec import Meta, Struct
from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session, aliased

from pointsync.ledger.outbox import get_local_auth
from pointsync.models import Backfill, Delivery, DeliveryState, Movement, Remote
from pointsync.models.movement import SENT_KINDS

CHUNK_SIZE = 2000
"""Movements per transaction: few enough that the shop does not wait for it."""


class BackfillProgress(Struct):
    """How far the sending of earlier movements to a new remote is."""

    total: Annotated[int, Meta(description="How many movements there are to send.")]
    owed: Annotated[int, Meta(description="How many of them are queued or sent so far.")]
    state: Literal["running", "stopped", "finished"]

    @classmethod
    def from_row(cls, row: Backfill) -> Self:
        """The progress of a database row."""
        return cls(total=row.total, owed=row.done, state=row.state)  # type: ignore[arg-type]


def count_movements(session: Session, reserve_id: int, first_seq: int = 1) -> int:
    """The number of movements of a reserve that were recorded here and are sent to others, from `first_seq` on."""
    conditions = (*_sent_movements(session, reserve_id), Movement.seq >= first_seq)
    return session.scalar(select(func.count()).select_from(Movement).where(*conditions)) or 0


def start(session: Session, remote: Remote, now: datetime, first_seq: int = 1) -> Backfill:
    """Start to send the remote all movements recorded here in the observed reserve, from `first_seq` on."""
    last_seq = session.scalar(select(func.max(Movement.seq)).where(*_sent_movements(session, remote.reserve_id))) or 0
    backfill = session.get(Backfill, remote.id) or Backfill(remote_id=remote.id)
    backfill.next_seq, backfill.last_seq = first_seq, last_seq
    backfill.total, backfill.done = count_movements(session, remote.reserve_id, first_seq), 0
    backfill.started_at, backfill.stopped_at = now, None
    backfill.finished_at = None if last_seq >= first_seq else now
    session.add(backfill)
    session.flush()
    return backfill


def get(session: Session, remote_id: int) -> Backfill | None:
    """A remote's backfill; None if none was ever started."""
    return session.get(Backfill, remote_id, populate_existing=True)


def progress(session: Session, remote: Remote) -> BackfillProgress | None:
    """The progress of a remote's backfill; None if none was ever started."""
    backfill = get(session, remote.id)
    return BackfillProgress.from_row(backfill) if backfill else None


def remaining_count(session: Session, remote_id: int) -> int:
    """How many movements of a running backfill are not enqueued yet; 0 if none is running."""
    backfill = get(session, remote_id)
    if backfill is None or backfill.state != "running":
        return 0
    return max(backfill.total - backfill.done, 0)


def first_unsent_seq(session: Session, remote: Remote) -> int:
    """Where a closed or deleted remote continues: the first movement since then, or the next one of its backfill."""
    backfill = session.get(Backfill, remote.id)
    seqs = [(remote.owed_until_seq or 0) + 1]
    if backfill and not backfill.finished_at:
        seqs.append(backfill.next_seq)
    return min(seqs)


def stop(session: Session, remote: Remote, now: datetime) -> None:
    """Enqueue nothing more of a remote's backfill; what is enqueued already is sent."""
    backfill = session.get(Backfill, remote.id)
    if backfill and not backfill.finished_at:
        backfill.stopped_at = now
        session.flush()


def list_running(session: Session) -> list[int]:
    """The ids of the remotes whose backfill is running."""
    return list(
        session.scalars(
            select(Backfill.remote_id)
            .join(Remote, Remote.id == Backfill.remote_id)
            .where(Backfill.finished_at.is_(None), Backfill.stopped_at.is_(None), Remote.deleted_at.is_(None))
        )
    )


def enqueue_next_chunk(session: Session, remote_id: int, now: datetime) -> bool:
    """Enqueue the next deliveries of a remote's backfill; return whether more remain. Harmless when repeated."""
    backfill = session.get(Backfill, remote_id, with_for_update=True, populate_existing=True)
    if backfill is None or backfill.state != "running":
        return False
    remote = session.get_one(Remote, remote_id)
    last_seq = min(backfill.next_seq + CHUNK_SIZE - 1, backfill.last_seq)
    conditions = (*_sent_movements(session, remote.reserve_id), Movement.seq.between(backfill.next_seq, last_seq))
    already_enqueued = select(Delivery.id).where(Delivery.movement_seq == Movement.seq, Delivery.remote_id == remote_id)
    # An earlier remote for the same site may have sent it: then a WooRewards shop may have it already.
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


def _sent_movements(session: Session, reserve_id: int) -> tuple[Any, ...]:
    """The conditions for movements of a reserve that were recorded here and are sent to other sites."""
    return (
        Movement.origin == get_local_auth(session),
        Movement.reserve_id == reserve_id,
        Movement.kind.in_(sorted(SENT_KINDS)),
        Movement.points != 0,
    )
