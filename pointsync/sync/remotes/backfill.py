"""History for a newcomer: the movements made before a line was added, owed to it bit by bit."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session, aliased

from pointsync.ledger.outbox import own_auth
from pointsync.models import Delivery, History, Movement, Remote, State
from pointsync.models.movement import SENT_KINDS

CHUNK = 2000
"""Movements looked at in one transaction: short enough that the shop does not wait."""


def count(session: Session, reserve_id: int, first_seq: int = 1) -> int:
    """How many movements of a reserve this site has made, from `first_seq` on, that others are sent."""
    made = (*_sent(session, reserve_id), Movement.seq >= first_seq)
    return session.scalar(select(func.count()).select_from(Movement).where(*made)) or 0


def start(session: Session, remote: Remote, now: datetime, first_seq: int = 1) -> History:
    """Owe the remote all that this site made in the observed reserve, from `first_seq` on, bit by bit."""
    last = session.scalar(select(func.max(Movement.seq)).where(*_sent(session, remote.reserve_id))) or 0
    history = session.get(History, remote.id) or History(remote_id=remote.id)
    history.next_seq, history.last_seq = first_seq, last
    history.total, history.done = count(session, remote.reserve_id, first_seq), 0
    history.started_at, history.stopped_at = now, None
    history.finished_at = None if last >= first_seq else now
    session.add(history)
    session.flush()
    return history


def left(session: Session, remote_id: int) -> int:
    """How many movements of a history under way are not yet owed; 0 where none is."""
    history = session.get(History, remote_id, populate_existing=True)
    if history is None or history.finished_at or history.stopped_at:
        return 0
    return max(history.total - history.done, 0)


def first_unsent(session: Session, remote: Remote) -> int:
    """From where a line that was closed or deleted goes on: what it was not owed since, or of its history."""
    history = session.get(History, remote.id)
    seqs = [(remote.owed_until_seq or 0) + 1]
    if history and not history.finished_at:
        seqs.append(history.next_seq)
    return min(seqs)


def stop(session: Session, remote: Remote, now: datetime) -> None:
    """Owe it no more of its history; what is owed already is sent."""
    history = session.get(History, remote.id)
    if history and not history.finished_at:
        history.stopped_at = now
        session.flush()


def unfinished(session: Session) -> list[int]:
    """The remotes whose history is under way."""
    return list(
        session.scalars(
            select(History.remote_id)
            .join(Remote, Remote.id == History.remote_id)
            .where(History.finished_at.is_(None), History.stopped_at.is_(None), Remote.deleted_at.is_(None))
        )
    )


def step(session: Session, remote_id: int, now: datetime) -> bool:
    """Write the next deliveries of a remote's history; whether more is left. Harmless when done twice."""
    history = session.get(History, remote_id, with_for_update=True, populate_existing=True)
    if history is None or history.finished_at or history.stopped_at:
        return False
    remote = session.get_one(Remote, remote_id)
    end = min(history.next_seq + CHUNK - 1, history.last_seq)
    chunk = (*_sent(session, remote.reserve_id), Movement.seq.between(history.next_seq, end))
    owed = select(Delivery.id).where(Delivery.movement_seq == Movement.seq, Delivery.remote_id == remote_id)
    # An earlier line to the same site may have called for it: then a WooRewards shop may know it already.
    before = aliased(Delivery)
    called_at, unsure_until = (
        select(func.max(column))
        .select_from(before)
        .join(Remote, Remote.id == before.remote_id)
        .where(before.movement_seq == Movement.seq, Remote.auth == remote.auth)
        .correlate(Movement)
        .scalar_subquery()
        for column in (before.called_at, before.unsure_until)
    )
    history.done += session.scalar(select(func.count()).select_from(Movement).where(*chunk)) or 0
    session.execute(
        insert(Delivery).from_select(
            ["movement_seq", "remote_id", "state", "attempts", "is_history", "called_at", "unsure_until"],
            select(
                Movement.seq,
                literal(remote_id),
                literal(State.PENDING.value),
                literal(0),
                literal(True),
                called_at,
                unsure_until,
            )
            .where(*chunk, ~owed.exists())
            .order_by(Movement.seq),
        )
    )
    history.next_seq = end + 1
    if end >= history.last_seq:
        history.finished_at = now
    session.flush()
    return history.finished_at is None


def progress(session: Session, remote: Remote) -> dict[str, Any] | None:
    """`{total, owed, state}` for people: `running`, `stopped` or `finished`; None where none was asked for."""
    history = session.get(History, remote.id, populate_existing=True)
    if history is None:
        return None
    state = "finished" if history.finished_at else "stopped" if history.stopped_at else "running"
    return {"total": history.total, "owed": history.done, "state": state}


def _sent(session: Session, reserve_id: int) -> tuple[Any, ...]:
    """What of this site's movements in a reserve other sites are sent."""
    return (
        Movement.origin == own_auth(session),
        Movement.reserve_id == reserve_id,
        Movement.kind.in_(sorted(SENT_KINDS)),
        Movement.points != 0,
    )
