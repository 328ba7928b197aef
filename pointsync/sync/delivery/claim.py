"""Claiming: a remote is held by one worker at a time, and with it a batch of what it is owed."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, or_, select, update
from sqlalchemy.orm import Session

from pointsync import leases
from pointsync.crypto import Vault
from pointsync.db import database_now
from pointsync.models import Attempt, Customer, Delivery, Movement, Origin, Remote, Site, State
from pointsync.sync.delivery.batch import Batch, Parcel
from pointsync.sync.protocol.ping import WOOREWARDS
from pointsync.sync.remotes.target import target_of
from pointsync.sync.site.settings import Settings

SURE_AFTER = timedelta(seconds=120)
LONGEST_WAIT = timedelta(days=1, minutes=5)
"""No moment to wait for lies further ahead; one that does was set by a clock that has been put right since."""


def due(session: Session, now: datetime) -> list[int]:
    """The remotes that have something to be done for: a delivery that may go, or a probe."""
    may_go = _may_go(now)
    waits_until = Remote.next_attempt_at
    pending = exists().where(Delivery.remote_id == Remote.id, Delivery.is_in(State.PENDING), *may_go)
    unknown = exists().where(Delivery.remote_id == Remote.id, Delivery.is_in(State.UNKNOWN), *may_go)
    if session.scalar(select(Site.hold)):
        return []
    return list(
        session.scalars(
            select(Remote.id).where(
                Remote.deleted_at.is_(None),
                Remote.paused_at.is_(None),
                Remote.auth.not_in(Origin.blocked()),
                or_(waits_until.is_(None), waits_until <= now, waits_until > now + LONGEST_WAIT),
                or_(Remote.is_probing, Remote.dialect.is_(None), pending, unknown),
            )
        )
    )


def hold(session: Session, remote_id: int, worker_id: str, now: datetime) -> Remote | None:
    """The remote, held by this worker for 120 s by the database's time; None when it may not be called now."""
    remote = Remote.locked(session, remote_id)
    if remote is None or remote.deleted_at or remote.paused_at or session.scalar(select(Site.hold)):
        return None
    if session.scalar(select(Origin.blocked_at).where(Origin.auth == remote.auth)):
        return None
    if remote.next_attempt_at and now < remote.next_attempt_at <= now + LONGEST_WAIT:
        return None
    if not leases.is_free(session, remote.holder, remote.held_until, worker_id):
        return None
    remote.holder, remote.held_until = worker_id, database_now(session) + leases.LEASE
    session.flush()
    return remote


def release(remote: Remote, worker_id: str) -> None:
    """Let another worker call the remote."""
    if remote.holder == worker_id:
        remote.holder = remote.held_until = None


def claim(session: Session, remote: Remote, vault: Vault, settings: Settings, now: datetime) -> Batch | None:
    """The next batch for a remote that this worker holds, oldest first, its attempt stored; or None.

    A remote whose oldest delivery has used up its attempts while calls fail is probed instead.
    """
    size = 1 if remote.dialect == WOOREWARDS else remote.batch_size
    rows = _next(session, remote.id, size, now)
    if not rows:
        return None
    oldest = rows[0]
    used_up = oldest.attempts >= settings.max_attempts and not oldest.not_before
    if remote.failures and (used_up or remote.failures >= settings.max_attempts):
        remote.is_probing = True
        return None
    parcels = tuple(_parcel(row) for row in rows)
    if remote.dialect == WOOREWARDS:
        session.execute(
            update(Delivery)
            .where(Delivery.id == parcels[0].delivery_id)
            .values(called_at=now, unsure_until=now + SURE_AFTER)
        )
    attempt = Attempt(
        remote_id=remote.id, started_at=now, first_delivery_id=parcels[0].delivery_id, deliveries=len(parcels)
    )
    session.add(attempt)
    session.flush()
    return Batch(remote.id, attempt.id, target_of(session, remote, vault), parcels, remote.acknowledged)


def _next(session: Session, remote_id: int, size: int, now: datetime) -> list[Row[Any]]:
    """Oldest first; but what has failed by itself, and customers unknown there, only when nothing else waits.

    A movement that the other side chokes on so never stands before the good ones.
    """
    fresh = (Delivery.is_in(State.PENDING), Delivery.not_before.is_(None))
    for which in (fresh, (Delivery.is_in(State.PENDING),), (Delivery.is_in(State.UNKNOWN),)):
        if rows := _owed(session, remote_id, size, (*which, *_may_go(now))):
            return rows
    return []


def _may_go(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (
        or_(Delivery.not_before.is_(None), Delivery.not_before <= now, Delivery.not_before > now + LONGEST_WAIT),
        or_(
            Delivery.unsure_until.is_(None),
            Delivery.unsure_until <= now,
            Delivery.unsure_until > now + SURE_AFTER + SURE_AFTER,
        ),
    )


def _owed(session: Session, remote_id: int, size: int, which: tuple[ColumnElement[bool], ...]) -> list[Row[Any]]:
    """The oldest of these deliveries; plain rows, for there are a thousand of them."""
    return list(
        session.execute(
            select(
                Delivery.id.label("delivery_id"),
                Delivery.attempts,
                Delivery.called_at,
                Delivery.not_before,
                Delivery.is_history,
                Movement.id,
                Movement.points,
                Movement.kind,
                Movement.reason,
                Movement.at,
                Movement.ref,
                Customer.email,
            )
            .join(Movement, Movement.seq == Delivery.movement_seq)
            .join(Customer, Customer.id == Movement.customer_id)
            .where(Delivery.remote_id == remote_id, *which)
            .order_by(Delivery.id)
            .limit(size)
        )
    )


def _parcel(row: Row[Any]) -> Parcel:
    return Parcel(
        delivery_id=row.delivery_id,
        was_called=row.called_at is not None,
        id=row.id,
        customer=row.email,
        points=row.points,
        kind=row.kind,
        reason=row.reason,
        at=row.at,
        ref=row.ref,
        is_history=row.is_history,
    )
