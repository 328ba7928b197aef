"""History for a newcomer: the movements made before a line was added, owed to it bit by bit."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session

from pointsync.models import Delivery, History, Movement, Remote, Site, State
from pointsync.models.movement import SENT_KINDS

CHUNK = 2000
"""Movements looked at in one transaction: short enough that the shop does not wait."""


def count(session: Session, reserve_id: int, since: datetime | None = None) -> int:
    """How many movements of a reserve this site has made that others are sent."""
    return session.scalar(select(func.count()).select_from(Movement).where(*_sent(session, reserve_id, since))) or 0


def start(session: Session, remote: Remote, now: datetime, since: datetime | None = None) -> History:
    """Owe the remote all that this site ever made in the observed reserve (or since then), from the next tick on."""
    first, last = session.execute(
        select(func.min(Movement.seq), func.max(Movement.seq)).where(*_sent(session, remote.reserve_id, since))
    ).one()
    history = session.get(History, remote.id) or History(remote_id=remote.id)
    history.next_seq, history.last_seq = first or 1, last or 0
    history.total, history.done = count(session, remote.reserve_id, since), 0
    history.started_at, history.stopped_at = now, None
    history.finished_at = None if last else now
    session.add(history)
    session.flush()
    return history


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
    history.done += session.scalar(select(func.count()).select_from(Movement).where(*chunk)) or 0
    session.execute(
        insert(Delivery).from_select(
            ["movement_seq", "remote_id", "state", "attempts", "is_history"],
            select(Movement.seq, literal(remote_id), literal(State.PENDING.value), literal(0), literal(True))
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


def _sent(session: Session, reserve_id: int, since: datetime | None = None) -> tuple[Any, ...]:
    """What of this site's movements in a reserve other sites are sent."""
    auth = session.scalars(select(Site.auth)).one()
    made = (
        Movement.origin == auth,
        Movement.reserve_id == reserve_id,
        Movement.kind.in_(sorted(SENT_KINDS)),
        Movement.points != 0,
    )
    return made if since is None else (*made, Movement.recorded_at >= since)
