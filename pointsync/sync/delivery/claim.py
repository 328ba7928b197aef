"""Claiming: one worker at a time leases a remote, and claims a batch of its deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, update
from sqlalchemy.orm import Session

from pointsync import clock, digests, leases
from pointsync.crypto import Vault
from pointsync.db import get_database_time
from pointsync.digests import DigestSum
from pointsync.ledger.people.erased.tokens import is_token
from pointsync.models import Attempt, Delivery, Remote
from pointsync.sync.comparison import delivered
from pointsync.sync.delivery import due
from pointsync.sync.delivery.batch import Batch, BatchItem
from pointsync.sync.delivery.due import Priority
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.ping import WOOREWARDS
from pointsync.sync.remotes import backoff
from pointsync.sync.remotes.target import load_target
from pointsync.sync.site import runs, settings
from pointsync.sync.site.settings import Settings

# Without the ORM, because every batch executes it.
_ADD_ATTEMPT = insert(Attempt.__table__).returning(Attempt.id)  # type: ignore[arg-type]


def list_due(session: Session, now: datetime) -> list[int]:
    """The remotes that have something due: a delivery that can be sent, or a probe."""
    if not _load_sending_state(session, None).may_send:
        return []
    return list(session.scalars(due.select_remotes(), due.parameters(settings.read(session), now)))


@dataclass(frozen=True, slots=True)
class SendingState:
    """Whether this site may send to a remote at all, and what it can say about what the remote has."""

    may_send: bool
    """False while an admin must decide, the remotes are asked or fetched from first, or the remote is blocked."""
    is_comparable: bool
    has_namesakes: bool
    """Whether other remotes, perhaps deleted ones, lead to the same target."""


def lease_remote(session: Session, remote: Remote, worker_id: str, now: datetime) -> SendingState | None:
    """Lease the locked remote to this worker for 120 s by the database's clock; None if it may not be called now."""
    if remote.deleted_at or remote.paused_at or backoff.is_waiting(remote, now):
        return None
    state = _load_sending_state(session, remote)
    if not state.may_send or not leases.is_available(session, remote.holder, remote.held_until, worker_id):
        return None
    remote.holder, remote.held_until = worker_id, get_database_time(session) + leases.REMOTE_LEASE_DURATION
    return state


def _load_sending_state(session: Session, remote: Remote | None) -> SendingState:
    parameters = {
        "remote_id": remote.id if remote else None,
        "auth": remote.auth if remote else None,
        "target": remote.target if remote else None,
    }
    row = session.execute(due.select_sending_state(), parameters).one()
    return SendingState(not row.is_stopped and runs.may_send(session, row), row.is_comparable, row.has_namesakes)


def may_still_send(session: Session, remote_id: int, worker_id: str, now: datetime) -> bool:
    """Whether a batch that this worker has claimed ahead may be sent now."""
    remote = session.get_one(Remote, remote_id, populate_existing=True)
    is_available = not (remote.deleted_at or remote.paused_at or backoff.is_waiting(remote, now) or remote.is_probing)
    return is_available and remote.holder == worker_id and _load_sending_state(session, remote).may_send


def forget(session: Session, batch: Batch) -> None:
    """Delete the attempt of a batch that was claimed ahead and is not sent."""
    session.execute(delete(Attempt).where(Attempt.id == batch.attempt_id))


def release_lease(remote: Remote, worker_id: str) -> None:
    """Let another worker call the remote."""
    if remote.holder == worker_id:
        remote.holder = remote.held_until = None


def claim_batch(
    session: Session,
    remote: Remote,
    state: SendingState,
    vault: Vault,
    current_settings: Settings,
    now: datetime,
    *,
    after_id: int | None = None,
) -> Batch | None:
    """Claim the next batch for a leased remote, oldest first, and store its attempt; None if nothing is to be sent.

    With `after_id`, the last delivery of a call that is being made, only deliveries that follow it and were never
    tried. If calls fail and the oldest delivery has used up its attempts, the remote is marked for probing instead.
    """
    batch_size = 1 if remote.dialect == WOOREWARDS else remote.batch_size
    rows = _next_rows(session, remote.id, batch_size, current_settings, now, after_id)
    while rows and rows[0].unsure_until and rows[0].unsure_until > now:
        # Its wait is too long, because the clock was set back. The call may still be running, so it begins again.
        restarted = (
            update(Delivery).where(Delivery.id == rows[0].delivery_id).values(unsure_until=now + due.UNSURE_PERIOD)
        )
        session.execute(restarted)
        rows = _next_rows(session, remote.id, batch_size, current_settings, now, after_id)
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
            .values(called_at=now, unsure_until=now + due.UNSURE_PERIOD)
        )
    attempt = {
        "remote_id": remote.id,
        "started_at": now,
        "first_delivery_id": items[0].delivery_id,
        "deliveries": len(items),
    }
    attempt_id = session.connection().execute(_ADD_ATTEMPT, attempt).scalar_one()
    session.flush()  # the lease
    runs.count_call(session)
    sum_before = _sum_before(session, remote, state)
    target = load_target(session, remote, vault)
    return Batch(remote.id, attempt_id, target, items, sum_before, is_full=len(items) == batch_size)


def _next_rows(
    session: Session, remote_id: int, count: int, settings: Settings, now: datetime, after_id: int | None
) -> Sequence[Row[Any]]:
    """The oldest deliveries of the first priority that has any."""
    parameters = {"remote_id": remote_id, "count": count, "after_id": after_id or 0} | due.parameters(settings, now)
    rows = session.execute(due.select_deliveries(Priority.UNTRIED), parameters).all()
    if rows or after_id is not None:
        return rows
    has_failed, has_unknown = session.execute(due.select_later(), parameters).one()
    if not (has_failed or has_unknown):
        return []
    priority = Priority.FAILED_ON_THEIR_OWN if has_failed else Priority.UNKNOWN_CUSTOMERS
    return session.execute(due.select_deliveries(priority), parameters).all()


def _sum_before(session: Session, remote: Remote, state: SendingState) -> DigestSum | None:
    """What was delivered to the remote's target so far; None if that is not known."""
    if remote.dialect == WOOREWARDS or not state.is_comparable:
        return None
    return delivered.get_sum(session, remote.auth, remote.target) if state.has_namesakes else remote.delivered


def _batch_item(row: Row[Any]) -> BatchItem:
    # In the order of `due.select_deliveries`: names would be looked up ten times for each row.
    delivery_id, _, called_at, _, _, is_history, *columns, stored_digest, customer = tuple(row)
    movement_id, points, kind, reason, at, ref, source = columns
    sent_digest = digests.to_text(stored_digest) if stored_digest is not None and is_token(customer) else None
    movement = wire.Movement(
        movement_id, customer, points, kind, reason, clock.to_text(at), ref, source, sent_digest, is_history
    )
    return BatchItem(delivery_id, called_at is not None, movement, stored_digest)
