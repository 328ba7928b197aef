"""Saving the outcome of a call with changes of people."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in
from pointsync.ledger.outbox import keep_ids_above
from pointsync.ledger.people import deliveries
from pointsync.models import ChangeDelivery, DeliveryState, Remote
from pointsync.sync.comparison import changes as change_sums
from pointsync.sync.delivery import remote_state
from pointsync.sync.delivery.batch import BatchFailed
from pointsync.sync.delivery.change_claim import RETRY_DELAY, ChangeBatch
from pointsync.sync.delivery.change_send import ChangesAnswered, ChangesOutcome
from pointsync.sync.delivery.claim import release_lease
from pointsync.sync.protocol.wire import CLOCK_AHEAD
from pointsync.sync.remotes import shown_stamps
from pointsync.sync.remotes.backoff import bounded_retry_after, forget_future_failure
from pointsync.sync.site.settings import Settings
from pointsync.text_limits import MAX_MESSAGE_LENGTH

log = logging.getLogger(__name__)


def save_outcome(
    session: Session,
    remote: Remote,
    batch: ChangeBatch,
    outcome: ChangesOutcome,
    worker_id: str,
    settings: Settings,
    now: datetime,
) -> None:
    """Save the outcome: the deliveries, and the state of the locked remote."""
    forget_future_failure(remote, now)
    is_holder = remote.holder == worker_id
    if isinstance(outcome, ChangesAnswered):
        _save_delivered(session, remote, batch, outcome, now)
        if is_holder:
            _save_others(session, remote, batch, outcome, now)
            remote_state.save_success(remote, outcome.clock_offset_seconds, now)
        session.flush()
        change_sums.save_answer(session, remote, outcome.have)
        keep_ids_above(session, outcome.have, now)
    else:
        failure = outcome.failure
        log_fields = {"remote": remote.id, "code": failure.code}
        log.info(
            "remote %s: changes were not delivered, %s: %s", remote.id, failure.code, failure.message, extra=log_fields
        )
        shown_stamps.heed(session, remote, failure.code, failure.stamp)
        if is_holder:
            waits_until = now + RETRY_DELAY if outcome.is_about_changes else None
            _save_undelivered(session, [each.delivery_id for each in batch.items], failure, waits_until)
        if is_holder and not outcome.is_about_changes:
            _save_failure(remote, failure, settings, now)
    if remote.next_attempt_at or remote.is_probing:
        release_lease(remote, worker_id)
    session.flush()


def _save_delivered(
    session: Session, remote: Remote, batch: ChangeBatch, outcome: ChangesAnswered, now: datetime
) -> None:
    """Final, no matter who reports it."""
    delivered = [item for item in batch.items if outcome.is_delivered(item.change.id)]
    deliveries.mark_delivered(session, remote.auth, [each.change_seq for each in delivered], now, is_attempt=True)
    log_fields = {"remote": remote.id, "delivered": len(delivered), "sent": len(batch.items)}
    log.info(
        "remote %(remote)s: %(delivered)s of %(sent)s changes of customers delivered", log_fields, extra=log_fields
    )


def _save_others(session: Session, remote: Remote, batch: ChangeBatch, outcome: ChangesAnswered, now: datetime) -> None:
    """Save what was refused, and what the answer does not contain."""
    for item in batch.items:
        answer = outcome.answers.get(item.change.id)
        if outcome.is_delivered(item.change.id):
            continue
        delivery = session.scalar(
            select(ChangeDelivery).where(ChangeDelivery.id == item.delivery_id, ChangeDelivery.open_condition())
        )
        if delivery is None:
            continue
        delivery.attempts += 1
        if answer is None or answer.code == CLOCK_AHEAD:
            # It is sent again in a while. Movements do not wait for it.
            delivery.not_before = now + RETRY_DELAY
        else:
            delivery.state, delivery.not_before = DeliveryState.FAILED, None
            log_fields = {"remote": remote.id, "change": item.change.id, "code": answer.code}
            log.warning("remote %(remote)s refused change %(change)s: %(code)s", log_fields, extra=log_fields)
        if answer is not None:
            delivery.code, delivery.message = answer.code, answer.message
    session.flush()


def _save_undelivered(
    session: Session, delivery_ids: list[int], failure: BatchFailed, not_before: datetime | None
) -> None:
    values: dict[str, object] = {"code": failure.code, "message": failure.message[:MAX_MESSAGE_LENGTH]}
    if failure.counts_as_attempt:
        values["attempts"] = ChangeDelivery.attempts + 1
    session.execute(
        update(ChangeDelivery)
        .where(is_in(ChangeDelivery.id, delivery_ids), ChangeDelivery.state == DeliveryState.PENDING)
        .values(not_before=not_before, **values)
        .execution_options(synchronize_session=False)
    )


def _save_failure(remote: Remote, failure: BatchFailed, settings: Settings, now: datetime) -> None:
    """A call that failed for a reason that movements would meet as well delays the remote."""
    remote_state.save_failure(remote, failure, now)
    delay = bounded_retry_after(failure.retry_after_seconds, remote.failures, settings)
    remote.next_attempt_at = now + (delay or timedelta(seconds=settings.delay_seconds))
    if failure.is_permanent or remote.failures >= settings.max_attempts:
        remote.is_probing = True
