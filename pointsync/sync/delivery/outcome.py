"""Settling: what a call came to, written down. *Delivered* is final whoever reports it; a failure counts
only from the worker that holds the remote."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from pointsync.db.upsert import insert_missing
from pointsync.models import Attempt, Delivery, Movement, Remote, State, Tally
from pointsync.sync.delivery.batch import Batch, Failed, Outcome, Parcel, Sent
from pointsync.sync.delivery.claim import SURE_AFTER, release
from pointsync.sync.protocol.ping import WOOREWARDS
from pointsync.sync.protocol.wire import MAX_BATCH
from pointsync.sync.remotes import restore_detection
from pointsync.sync.remotes.backoff import is_used_up, wait_asked
from pointsync.sync.site.settings import Settings

log = logging.getLogger(__name__)

LONGEST_UNKNOWN = timedelta(days=1)


def settle(session: Session, batch: Batch, outcome: Outcome, worker_id: str, settings: Settings, now: datetime) -> None:
    """Write down what came of `batch`: its deliveries, its attempt, and how the remote stands."""
    remote = Remote.locked(session, batch.remote_id)
    assert remote, "a line is hidden, never erased"
    is_holder = remote.holder == worker_id
    attempt = session.get_one(Attempt, batch.attempt_id)
    attempt.ended_at = now
    if isinstance(outcome, Sent):
        attempt.code = "ok"
        attempt.delivered = _delivered(session, remote, batch, outcome, now)
        if is_holder:
            _not_delivered(session, batch, outcome, settings, now)
            _succeeded(session, remote, batch, outcome, settings, now)
        fields = {"remote": remote.id, "delivered": attempt.delivered, "sent": len(batch.parcels)}
        log.info("remote %(remote)s: %(delivered)s of %(sent)s movements delivered", fields, extra=fields)
    else:
        failed = {"remote": remote.id, "code": outcome.code}
        log.info("remote %s: attempt failed, %s: %s", remote.id, outcome.code, outcome.message, extra=failed)
        attempt.code, attempt.message = outcome.code, outcome.message[:500]
        if is_holder:
            _failed(session, remote, batch, outcome, settings, now)
    if remote.next_attempt_at or remote.is_probing:
        release(remote, worker_id)
    session.flush()


def _delivered(session: Session, remote: Remote, batch: Batch, outcome: Sent, now: datetime) -> int:
    """Write down what was delivered; how many that were not before."""
    ids = [delivery_id for delivery_id, answer in outcome.answers.items() if answer.state == State.DELIVERED]
    if not ids:
        return 0
    tries = session.scalars(
        update(Delivery)
        .where(Delivery.id.in_(ids), Delivery.state != State.DELIVERED)
        .values(
            state=State.DELIVERED,
            attempts=Delivery.attempts + 1,
            delivered_at=now,
            code=None,
            message=None,
            not_before=None,
            unsure_until=None,
        )
        .returning(Delivery.attempts),
        execution_options={"synchronize_session": False},
    ).all()
    day = now.date()
    insert_missing(session, Tally, [{"remote_id": remote.id, "day": day, "tries": 0, "delivered": 0}])
    session.execute(
        update(Tally)
        .where(Tally.remote_id == remote.id, Tally.day == day)
        .values(tries=Tally.tries + sum(tries), delivered=Tally.delivered + len(tries))
    )
    remote.acknowledged += len(tries)
    return len(tries)


def _not_delivered(session: Session, batch: Batch, outcome: Sent, settings: Settings, now: datetime) -> None:
    """Write down what was answered otherwise, or not at all: that delays only the movements it is about."""
    unanswered = []
    for parcel in batch.parcels[: outcome.called]:
        answer = outcome.answers.get(parcel.delivery_id)
        if answer is None:
            unanswered.append(parcel.delivery_id)
        elif answer.state != State.DELIVERED:
            is_unknown = answer.state == State.UNKNOWN
            values: dict[str, object] = {
                "state": State(answer.state),
                "code": answer.code,
                "message": answer.message,
                "unsure_until": None,
                "not_before": _ask_again(session, parcel, settings, now) if is_unknown else None,
            }
            if answer.state == State.FAILED:
                fields = {"remote": batch.remote_id, "movement": parcel.id, "code": answer.code}
                log.warning("remote %(remote)s: movement %(movement)s was not taken: %(code)s", fields, extra=fields)
            if not is_unknown:
                values["attempts"] = Delivery.attempts + 1
            session.execute(update(Delivery).where(Delivery.id == parcel.delivery_id, _is_owed()).values(values))
    if unanswered:
        later = now + timedelta(seconds=settings.delay_seconds)
        session.execute(
            update(Delivery)
            .where(Delivery.id.in_(unanswered), _is_owed())
            .values(attempts=Delivery.attempts + 1, not_before=later, message="The answer did not name it.")
        )


def _is_owed() -> ColumnElement[bool]:
    """An admin may have dealt with it while the call was made; that stands."""
    return Delivery.state.in_((State.PENDING, State.UNKNOWN))


def _succeeded(
    session: Session, remote: Remote, batch: Batch, outcome: Sent, settings: Settings, now: datetime
) -> None:
    """The remote answered: whatever was wrong with it is past."""
    remote.failures = 0
    remote.is_probing = False
    remote.next_attempt_at = None
    remote.attempt_code, remote.attempt_message, remote.attempt_is_permanent = "ok", None, False
    if remote.check_code not in (None, "ok", "clock_skew"):
        remote.check_code, remote.check_message, remote.check_is_permanent = "ok", None, False
    remote.last_success_at = now
    remote.clock_offset_seconds = outcome.clock_offset_seconds
    ceiling = min(MAX_BATCH, int(remote.facts.get("max_batch") or 1))
    remote.batch_size = min(ceiling, remote.batch_size * 2)
    if outcome.have is not None:
        restore_detection.weigh(session, remote, outcome.have, batch.acknowledged, settings, now)


def _failed(session: Session, remote: Remote, batch: Batch, outcome: Failed, settings: Settings, now: datetime) -> None:
    """The call failed: whom it delays is the remote, or only the one movement that it was about."""
    ids = [parcel.delivery_id for parcel in batch.parcels]
    delay = timedelta(seconds=settings.delay_seconds)
    is_single = len(ids) == 1
    if outcome.halving != "never" and not is_single:
        remote.batch_size = max(1, len(ids) // 2)
        if outcome.halving == "at once" and not outcome.is_permanent:
            return
    changes: dict[str, object] = {"code": outcome.code, "message": outcome.message[:500]}
    if outcome.was_answered:
        changes["unsure_until"] = None
    elif batch.target.dialect == WOOREWARDS:
        changes["unsure_until"] = now + SURE_AFTER
    if outcome.costs_attempt:
        changes["attempts"] = Delivery.attempts + 1
    about_one = is_single and outcome.is_about_content
    if about_one:
        # It waits by itself; what has no such moment goes before it, however many of its kind there are.
        changes["not_before"] = now + delay
    session.execute(update(Delivery).where(Delivery.id.in_(ids), _is_owed()).values(changes))
    remote.failures += 1
    remote.attempt_code, remote.attempt_message = outcome.code, outcome.message[:500]
    remote.attempt_is_permanent = outcome.is_permanent
    remote.last_failure_at, remote.last_error = now, outcome.message[:500]
    if about_one and remote.failures == 1:
        # Another movement is tried at once: it tells whether the remote fails or only this one does.
        return
    remote.next_attempt_at = now + (wait_asked(outcome.retry_after_seconds, remote.failures, settings) or delay)
    if outcome.is_permanent or is_used_up(session, remote, settings):
        remote.is_probing = True


def _ask_again(session: Session, parcel: Parcel, settings: Settings, now: datetime) -> datetime:
    """When a customer unknown there is asked for again: after as long as it has waited already."""
    recorded = session.scalars(
        select(Movement.recorded_at)
        .join(Delivery, Delivery.movement_seq == Movement.seq)
        .where(Delivery.id == parcel.delivery_id)
    ).one()
    return now + min(max(now - recorded, timedelta(seconds=settings.delay_seconds)), LONGEST_UNKNOWN)
