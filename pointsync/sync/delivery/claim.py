"""Claiming: one worker at a time leases a remote, and claims a batch of its deliveries."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.orm import Session

from pointsync import clock, leases
from pointsync.crypto import Vault
from pointsync.db import get_database_time
from pointsync.models import Attempt, Customer, Delivery, DeliveryState, Movement, Origin, Remote, RemoteFetch, Site
from pointsync.sync.comparison import delivered
from pointsync.sync.delivery.batch import Batch, BatchItem
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.ping import WOOREWARDS
from pointsync.sync.remotes import backoff, first_checks
from pointsync.sync.remotes.target import load_target
from pointsync.sync.site import runs, settings
from pointsync.sync.site.settings import Settings

UNSURE_PERIOD = timedelta(seconds=120)
"""A WooRewards shop may still be processing a call without an answer: the same movement is not sent again before."""
MAX_UNKNOWN_DELAY = timedelta(days=1)
"""The longest wait of a movement for a customer who is unknown there."""


def list_due(session: Session, now: datetime) -> list[int]:
    """The remotes that have something due: a delivery that can be sent, or a probe."""
    if _is_sending_stopped(session):
        return []
    sendable = _is_sendable(settings.read(session), now)
    has_pending, has_unknown = (
        exists().where(Delivery.remote_id == Remote.id, Delivery.state_condition(state), *sendable)
        for state in (DeliveryState.PENDING, DeliveryState.UNKNOWN)
    )
    return list(
        session.scalars(
            select(Remote.id).where(
                Remote.deleted_at.is_(None),
                Remote.paused_at.is_(None),
                Remote.auth.not_in(Origin.select_blocked_auths()),
                Remote.id.not_in(RemoteFetch.select_unfetched()),
                backoff.may_be_called(now),
                or_(Remote.is_probing, Remote.dialect.is_(None), has_pending, has_unknown),
            )
        )
    )


def lease_remote(session: Session, remote: Remote, worker_id: str, now: datetime) -> bool:
    """Lease the locked remote to this worker for 120 s by the database's clock; False if it may not be called now."""
    if remote.deleted_at or remote.paused_at or backoff.is_waiting(remote, now):
        return False
    if _is_sending_stopped(session, remote):
        return False
    if not leases.is_available(session, remote.holder, remote.held_until, worker_id):
        return False
    remote.holder, remote.held_until = worker_id, get_database_time(session) + leases.REMOTE_LEASE_DURATION
    return True


def _is_sending_stopped(session: Session, remote: Remote | None = None) -> bool:
    """Whether nothing is sent to any remote: an admin must decide, or the remotes are asked or fetched from first.

    With `remote`, also whether nothing is sent to it, because it is blocked or must be fetched from first.
    """
    parameters = {"remote_id": remote.id if remote else None, "auth": remote.auth if remote else None}
    state = session.execute(_select_sending_state(), parameters).one()
    return state.is_stopped or not runs.may_send(session, state)


@cache
def _select_sending_state() -> Select[Any]:
    """Built once, because each claim asks it."""
    is_blocked = exists().where(Origin.auth == bindparam("auth"), Origin.blocked_at.is_not(None))
    unfetched = RemoteFetch.select_unfetched().where(RemoteFetch.remote_id == bindparam("remote_id"))
    return runs.select_state(
        or_(Site.is_fetching_back, first_checks.is_any_due(), is_blocked, unfetched.exists()).label("is_stopped")
    )


def release_lease(remote: Remote, worker_id: str) -> None:
    """Let another worker call the remote."""
    if remote.holder == worker_id:
        remote.holder = remote.held_until = None


def claim_batch(
    session: Session, remote: Remote, vault: Vault, current_settings: Settings, now: datetime
) -> Batch | None:
    """Claim the next batch for a leased remote, oldest first, and store its attempt; None if nothing is to be sent.

    If calls fail and the oldest delivery has used up its attempts, the remote is marked for probing instead.
    """
    batch_size = 1 if remote.dialect == WOOREWARDS else remote.batch_size
    rows = _next_rows(session, remote.id, batch_size, current_settings, now)
    while rows and rows[0].unsure_until and rows[0].unsure_until > now:
        # Its wait is too long, because the clock was set back. The call may still be running, so it begins again.
        restarted = update(Delivery).where(Delivery.id == rows[0].delivery_id).values(unsure_until=now + UNSURE_PERIOD)
        session.execute(restarted)
        rows = _next_rows(session, remote.id, batch_size, current_settings, now)
    if not rows:
        return None
    oldest = rows[0]
    oldest_is_used_up = oldest.attempts >= current_settings.max_attempts and not oldest.not_before
    if remote.failures and (oldest_is_used_up or remote.failures >= current_settings.max_attempts):
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
    session.flush()  # also the lease
    runs.count_call(session)
    sum_before = None if remote.dialect == WOOREWARDS else delivered.get_sum(session, remote.auth, remote.target)
    return Batch(remote.id, attempt.id, load_target(session, remote, vault), items, sum_before)


def _next_rows(
    session: Session, remote_id: int, limit: int, current_settings: Settings, now: datetime
) -> list[Row[Any]]:
    """The oldest deliveries. Those that failed on their own, and unknown customers, come only after all others.

    So a movement that makes the other side fail never blocks other movements.
    """
    sendable = _is_sendable(current_settings, now)
    untried = (Delivery.state_condition(DeliveryState.PENDING), Delivery.not_before.is_(None))
    for condition in (
        untried,
        (Delivery.state_condition(DeliveryState.PENDING),),
        (Delivery.state_condition(DeliveryState.UNKNOWN),),
    ):
        if rows := _select_deliveries(session, remote_id, limit, (*condition, *sendable)):
            return rows
    return []


def _is_sendable(current_settings: Settings, now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """That a delivery does not wait. Longer waits than these were stored before the clock was set back."""
    is_pending = Delivery.state_condition(DeliveryState.PENDING)
    not_before, unsure_until = Delivery.not_before, Delivery.unsure_until
    waits_too_long = or_(
        and_(is_pending, not_before > now + timedelta(seconds=current_settings.delay_seconds)),
        not_before > now + MAX_UNKNOWN_DELAY,
        # The delay for an unknown customer grows; it began with the last call.
        Delivery.called_at > now + clock.MAX_LEAD,
    )
    return (
        or_(not_before.is_(None), not_before <= now, waits_too_long),
        or_(unsure_until.is_(None), unsure_until <= now, unsure_until > now + UNSURE_PERIOD),
    )


def _select_deliveries(
    session: Session, remote_id: int, limit: int, conditions: tuple[ColumnElement[bool], ...]
) -> list[Row[Any]]:
    """The oldest deliveries that match; as plain rows, because there may be a thousand."""
    return list(
        session.execute(
            select(
                Delivery.id.label("delivery_id"),
                Delivery.attempts,
                Delivery.called_at,
                Delivery.not_before,
                Delivery.unsure_until,
                Delivery.is_history,
                Movement.id,
                Movement.points,
                Movement.kind,
                Movement.reason,
                Movement.at,
                Movement.ref,
                Movement.source,
                Movement.digest,
                func.coalesce(Movement.sent_customer, Customer.email).label("customer"),
            )
            .join(Movement, Movement.seq == Delivery.movement_seq)
            .join(Customer, Customer.id == Movement.customer_id)
            .where(Delivery.remote_id == remote_id, *conditions)
            .order_by(Delivery.id)
            .limit(limit)
        )
    )


def _batch_item(row: Row[Any]) -> BatchItem:
    movement = wire.Movement(
        id=row.id,
        customer=row.customer,
        points=row.points,
        kind=row.kind,
        reason=row.reason,
        at=clock.to_text(row.at),
        ref=row.ref,
        source=row.source,
        history=row.is_history,
    )
    return BatchItem(row.delivery_id, row.called_at is not None, movement, row.digest)
