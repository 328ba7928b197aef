"""Saving a call's outcome. *Delivered* is final, whichever worker reports it; a failure counts only if the worker
still has the lease of the remote."""

import logging
from datetime import date, datetime, timedelta
from functools import cache

from sqlalchemy import ColumnElement, Update, bindparam, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from pointsync.db import UtcDateTime
from pointsync.db.is_in import is_in, is_in_parameter
from pointsync.db.upsert import add_to_counters
from pointsync.digests import DigestSum
from pointsync.ledger.integrity import movement_changes
from pointsync.ledger.outbox import keep_ids_above
from pointsync.models import Attempt, DailyDeliveryTotal, Delivery, DeliveryState, Movement, Remote
from pointsync.sync.comparison import compare, delivered
from pointsync.sync.delivery import remote_state
from pointsync.sync.delivery.batch import Batch, BatchAnswered, BatchFailed, BatchItem, BatchOutcome, Halving
from pointsync.sync.delivery.claim import release_lease
from pointsync.sync.delivery.due import MAX_UNKNOWN_DELAY, UNSURE_PERIOD
from pointsync.sync.protocol.ping import WOOREWARDS
from pointsync.sync.protocol.wire import MAX_BATCH
from pointsync.sync.remotes import shown_stamps
from pointsync.sync.remotes.backoff import bounded_retry_after, forget_future_failure, has_used_up_attempts
from pointsync.sync.site.settings import Settings
from pointsync.text_limits import MAX_MESSAGE_LENGTH

log = logging.getLogger(__name__)


def save_outcome(
    session: Session,
    remote: Remote,
    batch: Batch,
    outcome: BatchOutcome,
    worker_id: str,
    settings: Settings,
    now: datetime,
) -> None:
    """Save the outcome of `batch`: its deliveries, its attempt, and the state of the locked remote."""
    forget_future_failure(remote, now)
    is_holder = remote.holder == worker_id
    if isinstance(outcome, BatchAnswered):
        with session.no_autoflush:  # otherwise each statement would write what has changed of the remote so far
            delivered_count = _save_delivered(session, remote, batch, outcome, now)
            if is_holder:
                _save_undelivered(session, batch, outcome, settings, now)
                _save_success(session, remote, batch, outcome, settings, now)
        attempt = {"ended_at": now, "code": "ok", "delivered": delivered_count}
        log_fields = {"remote": remote.id, "delivered": delivered_count, "sent": len(batch.items)}
        log.info("remote %(remote)s: %(delivered)s of %(sent)s movements delivered", log_fields, extra=log_fields)
    else:
        failure_fields = {"remote": remote.id, "code": outcome.code}
        log.info("remote %s: attempt failed, %s: %s", remote.id, outcome.code, outcome.message, extra=failure_fields)
        attempt = {"ended_at": now, "code": outcome.code, "message": outcome.message[:MAX_MESSAGE_LENGTH]}
        shown_stamps.heed(session, remote, outcome.code, outcome.stamp)
        if is_holder:
            _save_failure(session, remote, batch, outcome, settings, now)
    session.connection().execute(_end_attempt(*attempt), attempt | {"attempt_id": batch.attempt_id})
    if remote.next_attempt_at or remote.is_probing:
        release_lease(remote, worker_id)
    session.flush()


@cache
def _end_attempt(*columns: str) -> Update:
    """Built once, because every batch executes it."""
    table = Attempt.__table__
    return (
        update(table)  # type: ignore[arg-type]
        .where(table.c.id == bindparam("attempt_id"))
        .values({name: bindparam(name, type_=table.c[name].type) for name in columns})
    )


def _save_delivered(session: Session, remote: Remote, batch: Batch, outcome: BatchAnswered, now: datetime) -> int:
    """Mark deliveries as delivered; return how many of them were not delivered before."""
    delivery_ids = [
        delivery_id for delivery_id, result in outcome.results.items() if result.state == DeliveryState.DELIVERED
    ]
    if not delivery_ids:
        return 0
    is_counted = batch.target.dialect != WOOREWARDS
    parameters = {"ids": delivery_ids, "at": now}
    saved = session.connection().execute(_mark_delivered(is_counted), parameters).all()
    if is_counted:
        remote.delivered += _sum_digests(session, batch, {delivery_id for delivery_id, _ in saved})
    _add_to_daily_total(session, remote.id, now.date(), sum(attempts for _, attempts in saved), len(saved))
    return len(saved)


@cache
def _mark_delivered(is_counted: bool) -> ReturningUpdate[int, int]:
    """Built once, because every batch executes it."""
    return (
        update(Delivery.__table__)  # type: ignore[arg-type]
        .where(is_in_parameter(Delivery.id, "ids"), Delivery.state != DeliveryState.DELIVERED)
        .values(
            state=DeliveryState.DELIVERED,
            attempts=Delivery.attempts + 1,
            delivered_at=bindparam("at", type_=UtcDateTime),
            code=None,
            message=None,
            not_before=None,
            unsure_until=None,
            **({"called_at": None} if is_counted else {}),
        )
        .returning(Delivery.id, Delivery.attempts)
    )


def _add_to_daily_total(session: Session, remote_id: int, day: date, tries: int, delivered_count: int) -> None:
    row = {"remote_id": remote_id, "day": day, "tries": tries, "delivered": delivered_count}
    add_to_counters(session, DailyDeliveryTotal, ("remote_id", "day"), ("tries", "delivered"), [row])


def _sum_digests(session: Session, batch: Batch, delivery_ids: set[int]) -> DigestSum:
    """The sum of the movements of these deliveries. Movements without a digest are added when they are digested."""
    items = [item for item in batch.items if item.delivery_id in delivery_ids]
    if movement_changes.count_altered(session) or any(item.digest is None for item in items):
        return delivered.sum_deliveries(session, delivery_ids)
    return DigestSum.of(item.digest for item in items if item.digest is not None)


def _save_undelivered(
    session: Session, batch: Batch, outcome: BatchAnswered, settings: Settings, now: datetime
) -> None:
    """Save results other than delivered, and missing results: these delay only their own movements."""
    unanswered = []
    for item in batch.items[: outcome.called_count]:
        result = outcome.results.get(item.delivery_id)
        if result is None:
            unanswered.append(item.delivery_id)
        elif result.state != DeliveryState.DELIVERED:
            is_unknown = result.state == DeliveryState.UNKNOWN
            values: dict[str, object] = {
                "state": result.state,
                "code": result.code,
                "message": result.message,
                "unsure_until": None,
                "not_before": _unknown_retry_at(session, item, settings, now) if is_unknown else None,
            }
            if result.state == DeliveryState.FAILED:
                log_fields = {"remote": batch.remote_id, "movement": item.movement.id, "code": result.code}
                log.warning(
                    "remote %(remote)s: movement %(movement)s was refused: %(code)s", log_fields, extra=log_fields
                )
            if not is_unknown:
                values["attempts"] = Delivery.attempts + 1
            session.execute(update(Delivery).where(Delivery.id == item.delivery_id, _is_undelivered()).values(values))
    if unanswered:
        retry_at = now + timedelta(seconds=settings.delay_seconds)
        session.execute(
            update(Delivery)
            .where(is_in(Delivery.id, unanswered), _is_undelivered())
            .values(
                attempts=Delivery.attempts + 1, not_before=retry_at, message="The answer did not contain this movement."
            )
        )


def _is_undelivered() -> ColumnElement[bool]:
    """Not resolved by an admin during the call."""
    return Delivery.state.in_((DeliveryState.PENDING, DeliveryState.UNKNOWN))


def _save_success(
    session: Session, remote: Remote, batch: Batch, outcome: BatchAnswered, settings: Settings, now: datetime
) -> None:
    remote_state.save_success(remote, outcome.clock_offset_seconds, now)
    max_batch_size = min(MAX_BATCH, int(remote.facts.get("max_batch") or 1))
    remote.batch_size = min(max_batch_size, remote.batch_size * 2)
    if outcome.have is not None:
        session.flush()
        compare.save_answer(session, remote, outcome.have, now)
        keep_ids_above(session, outcome.have, now)


def _save_failure(
    session: Session, remote: Remote, batch: Batch, outcome: BatchFailed, settings: Settings, now: datetime
) -> None:
    """Save a failed call: it delays the remote, or only the one movement that it was about."""
    delivery_ids = [item.delivery_id for item in batch.items]
    delay = timedelta(seconds=settings.delay_seconds)
    is_single = len(delivery_ids) == 1
    if outcome.halving is not Halving.NEVER and not is_single:
        remote.batch_size = max(1, len(delivery_ids) // 2)
        if outcome.halving is Halving.AT_ONCE and not outcome.is_permanent:
            return
    changes: dict[str, object] = {"code": outcome.code, "message": outcome.message[:MAX_MESSAGE_LENGTH]}
    if outcome.was_answered:
        changes["unsure_until"] = None
    elif batch.target.dialect == WOOREWARDS:
        changes["unsure_until"] = now + UNSURE_PERIOD
    if outcome.counts_as_attempt:
        changes["attempts"] = Delivery.attempts + 1
    is_about_one = is_single and outcome.is_about_content
    if is_about_one:
        # Only this movement waits; movements without a retry time are sent before it.
        changes["not_before"] = now + delay
    session.execute(update(Delivery).where(is_in(Delivery.id, delivery_ids), _is_undelivered()).values(changes))
    remote_state.save_failure(remote, outcome, now)
    if is_about_one and remote.failures == 1:
        # Another movement is tried at once, to find out whether the remote fails or only this movement.
        return
    remote.next_attempt_at = now + (
        bounded_retry_after(outcome.retry_after_seconds, remote.failures, settings) or delay
    )
    if outcome.is_permanent or has_used_up_attempts(session, remote, settings):
        remote.is_probing = True


def _unknown_retry_at(session: Session, item: BatchItem, settings: Settings, now: datetime) -> datetime:
    """When to retry a movement for an unknown customer: the delay is the time it has waited so far."""
    recorded_at = session.scalars(
        select(Movement.recorded_at)
        .join(Delivery, Delivery.movement_seq == Movement.seq)
        .where(Delivery.id == item.delivery_id)
    ).one()
    return now + min(max(now - recorded_at, timedelta(seconds=settings.delay_seconds)), MAX_UNKNOWN_DELAY)
