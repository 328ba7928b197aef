"""Claiming: a remote is held by one worker at a time, and with it a batch of what it is owed."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, or_, select, update
from sqlalchemy.orm import Session

from pointsync import leases
from pointsync.crypto import Vault
from pointsync.db import get_database_time
from pointsync.models import Attempt, Customer, Delivery, DeliveryState, Movement, Origin, Remote, Site
from pointsync.sync.delivery.batch import Batch, BatchItem
from pointsync.sync.protocol.ping import WOOREWARDS
from pointsync.sync.remotes.target import load_target
from pointsync.sync.site.settings import Settings

UNSURE_PERIOD = timedelta(seconds=120)
MAX_WAIT = timedelta(days=1, minutes=5)
"""No moment to wait for lies further ahead; one that does was set by a clock that has been put right since."""


def list_due(session: Session, now: datetime) -> list[int]:
    """The remotes that have something to be done for: a delivery that may go, or a probe."""
    sendable = _is_sendable(now)
    next_attempt_at = Remote.next_attempt_at
    has_pending = exists().where(
        Delivery.remote_id == Remote.id, Delivery.state_condition(DeliveryState.PENDING), *sendable
    )
    has_unknown = exists().where(
        Delivery.remote_id == Remote.id, Delivery.state_condition(DeliveryState.UNKNOWN), *sendable
    )
    if session.scalar(select(Site.hold)):
        return []
    return list(
        session.scalars(
            select(Remote.id).where(
                Remote.deleted_at.is_(None),
                Remote.paused_at.is_(None),
                Remote.auth.not_in(Origin.select_blocked_auths()),
                or_(next_attempt_at.is_(None), next_attempt_at <= now, next_attempt_at > now + MAX_WAIT),
                or_(Remote.is_probing, Remote.dialect.is_(None), has_pending, has_unknown),
            )
        )
    )


def lease_remote(session: Session, remote_id: int, worker_id: str, now: datetime) -> Remote | None:
    """The remote, held by this worker for 120 s by the database's time; None when it may not be called now."""
    remote = Remote.get_for_update(session, remote_id)
    if remote is None or remote.deleted_at or remote.paused_at or session.scalar(select(Site.hold)):
        return None
    if session.scalar(select(Origin.blocked_at).where(Origin.auth == remote.auth)):
        return None
    if remote.next_attempt_at and now < remote.next_attempt_at <= now + MAX_WAIT:
        return None
    if not leases.is_available(session, remote.holder, remote.held_until, worker_id):
        return None
    remote.holder, remote.held_until = worker_id, get_database_time(session) + leases.REMOTE_LEASE_DURATION
    session.flush()
    return remote


def release_lease(remote: Remote, worker_id: str) -> None:
    """Let another worker call the remote."""
    if remote.holder == worker_id:
        remote.holder = remote.held_until = None


def claim_batch(session: Session, remote: Remote, vault: Vault, settings: Settings, now: datetime) -> Batch | None:
    """The next batch for a remote that this worker holds, oldest first, its attempt stored; or None.

    A remote whose oldest delivery has used up its attempts while calls fail is probed instead.
    """
    batch_size = 1 if remote.dialect == WOOREWARDS else remote.batch_size
    rows = _next_rows(session, remote.id, batch_size, now)
    if not rows:
        return None
    oldest = rows[0]
    oldest_is_used_up = oldest.attempts >= settings.max_attempts and not oldest.not_before
    if remote.failures and (oldest_is_used_up or remote.failures >= settings.max_attempts):
        remote.is_probing = True
        return None
    items = tuple(_batch_item(row) for row in rows)
    if remote.dialect == WOOREWARDS:
        session.execute(
            update(Delivery)
            .where(Delivery.id == items[0].delivery_id)
            .values(called_at=now, unsure_until=now + UNSURE_PERIOD)
        )
    attempt = Attempt(
        remote_id=remote.id, started_at=now, first_delivery_id=items[0].delivery_id, deliveries=len(items)
    )
    session.add(attempt)
    session.flush()
    return Batch(remote.id, attempt.id, load_target(session, remote, vault), items, remote.acknowledged)


def _next_rows(session: Session, remote_id: int, limit: int, now: datetime) -> list[Row[Any]]:
    """Oldest first; but what has failed by itself, and customers unknown there, only when nothing else waits.

    A movement that the other side chokes on so never stands before the good ones.
    """
    untried = (Delivery.state_condition(DeliveryState.PENDING), Delivery.not_before.is_(None))
    for condition in (
        untried,
        (Delivery.state_condition(DeliveryState.PENDING),),
        (Delivery.state_condition(DeliveryState.UNKNOWN),),
    ):
        if rows := _select_deliveries(session, remote_id, limit, (*condition, *_is_sendable(now))):
            return rows
    return []


def _is_sendable(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (
        or_(Delivery.not_before.is_(None), Delivery.not_before <= now, Delivery.not_before > now + MAX_WAIT),
        or_(
            Delivery.unsure_until.is_(None),
            Delivery.unsure_until <= now,
            Delivery.unsure_until > now + UNSURE_PERIOD + UNSURE_PERIOD,
        ),
    )


def _select_deliveries(
    session: Session, remote_id: int, limit: int, conditions: tuple[ColumnElement[bool], ...]
) -> list[Row[Any]]:
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
            .where(Delivery.remote_id == remote_id, *conditions)
            .order_by(Delivery.id)
            .limit(limit)
        )
    )


def _batch_item(row: Row[Any]) -> BatchItem:
    return BatchItem(
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
