"""Delivering to one remote: batch after batch, each claimed, sent and saved.

While the other site applies a batch, this one saves the outcome of the batch before, and claims and encodes the next
one. Batches are still sent one after the other, and each attempt is stored before its call.
"""

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import partial

from flask import Flask, current_app
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.db import DatabaseBusy, run_in_transaction
from pointsync.models import Remote
from pointsync.runtime import get_runtime
from pointsync.sync.delivery import change_outcome, claim
from pointsync.sync.delivery.batch import Batch, BatchAnswered, BatchFailed, BatchOutcome
from pointsync.sync.delivery.change_claim import ChangeBatch, claim_changes, has_due_changes
from pointsync.sync.delivery.change_send import ChangesFailed, ChangesOutcome, send_changes
from pointsync.sync.delivery.outcome import save_outcome
from pointsync.sync.delivery.send import encode_movements, send_batch
from pointsync.sync.remotes.check import check_remote, refresh_status
from pointsync.sync.remotes.status import GREEN
from pointsync.sync.site import local_site, settings
from pointsync.sync.site.local_site import Identity
from pointsync.sync.site.settings import Settings

log = logging.getLogger(__name__)

FinishedCall = tuple[Batch, BatchOutcome] | tuple[ChangeBatch, ChangesOutcome]
"""A call with its outcome, which is not saved yet."""
MIN_STATUS_AGE = timedelta(seconds=1)
"""How old a green status is before a call that succeeded refreshes it."""
MIN_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is due: its batch, and who this site is. `movements` are those of the batch that fit into one body,
    encoded."""

    batch: Batch | ChangeBatch
    identity: Identity
    movements: tuple[bytes, ...] = ()

    @property
    def may_be_followed(self) -> bool:
        """Whether more deliveries are waiting, which can be claimed before this call has ended."""
        return isinstance(self.batch, Batch) and self.batch.is_full and len(self.movements) == len(self.batch.items)


class Probe(Enum):
    """Instead of a call: a ping is due."""

    DUE = "due"


@dataclass(slots=True)
class Round:
    """What one transaction does for a remote: save what is finished, forget what is not sent, claim what is next."""

    remote_id: int
    finished: FinishedCall | None = None
    unsent: Batch | None = None
    """It was claimed, but is not sent."""
    running: Call | None = None
    """It is being made. What is claimed follows it."""
    may_probe: bool = False


def deliver(remote_id: int, stop_event: threading.Event) -> None:
    """Send a remote's deliveries, batch after batch, until nothing is due or the process stops.

    Changes of people are sent first: what movements are about may depend on them.
    """
    finished: FinishedCall | None = None
    ahead: Call | None = None
    has_probed = False
    with _Background(current_app._get_current_object()) as background:  # type: ignore[attr-defined]
        while True:
            next_step: Call | Probe | None = _follow(ahead, finished, stop_event)
            if next_step is None:
                unsent = ahead.batch if ahead and isinstance(ahead.batch, Batch) else None
                this = Round(remote_id, finished, unsent, may_probe=not has_probed)
                next_step, finished = _run_round_with_retry(this, stop_event), None
            ahead = None
            if isinstance(next_step, Call):
                if finished or next_step.may_be_followed:
                    running = background.start(next_step)
                    ahead = _prepare_next(Round(remote_id, finished, running=next_step), stop_event)
                    call = running.result()
                else:
                    call = _make_call(next_step)
                # A call that this process aborted while stopping says nothing about the remote.
                finished = None if _has_failed(call) and stop_event.is_set() else call
            elif next_step is Probe.DUE:
                has_probed = True
                check_remote(remote_id)
            else:
                return


def _follow(ahead: Call | None, finished: FinishedCall | None, stop_event: threading.Event) -> Call | None:
    """The call that was claimed ahead, with the sum that its batch says was delivered before; None if it must not be
    made: the call before has failed, or something has changed since it was claimed."""
    if ahead is None or finished is None or stop_event.is_set():
        return None
    batch, outcome = finished
    if not (isinstance(ahead.batch, Batch) and isinstance(batch, Batch) and isinstance(outcome, BatchAnswered)):
        return None
    try:
        may_send = claim.may_still_send(db.session(), ahead.batch.remote_id, get_runtime().worker_id, clock.now())
    except (DatabaseBusy, DBAPIError):
        return None
    return replace(ahead, batch=ahead.batch.following(batch, outcome)) if may_send else None


def _prepare_next(this: Round, stop_event: threading.Event) -> Call | None:
    """While the call of `this.running` is being made, save what is finished, and claim the next batch."""
    try:
        next_step = _run_round_with_retry(this, stop_event)
    except DatabaseBusy as error:  # nothing was finished, and the next batch is claimed after the call
        log.info("remote %s: nothing is claimed ahead: %s", this.remote_id, error)
        return None
    return next_step if isinstance(next_step, Call) else None


def _run_round_with_retry(this: Round, stop_event: threading.Event) -> Call | Probe | None:
    """Run the round, in one transaction, and encode what it has claimed; None if nothing is due.

    The outcome must not be lost because the database is busy: saving is retried with growing pauses until it
    succeeds or the process stops. In the latter case the same movements are sent again later.
    """
    backoff_seconds = MIN_BACKOFF_SECONDS
    while True:
        may_claim = not stop_event.is_set()
        try:
            next_step = run_in_transaction(partial(_run_round, this=this, may_claim=may_claim))
            break
        except DatabaseBusy:
            if this.finished is None or not may_claim:
                raise
            if backoff_seconds == MIN_BACKOFF_SECONDS:
                log.warning("remote %s: the database is busy; saving the call's outcome is retried", this.remote_id)
            stop_event.wait(backoff_seconds)
            backoff_seconds = min(backoff_seconds * 2, MAX_BACKOFF_SECONDS)
    if isinstance(next_step, Call) and isinstance(next_step.batch, Batch):
        return replace(next_step, movements=encode_movements(next_step.batch))
    return next_step


def _run_round(session: Session, this: Round, may_claim: bool) -> Call | Probe | None:
    state, now = get_runtime(), clock.now()
    current_settings = settings.read(session)
    remote = Remote.get_for_update(session, this.remote_id)
    assert remote, "remotes are hidden, never deleted from the table"
    if this.finished:
        _save(session, remote, this.finished, current_settings, now)
    if this.unsent:
        claim.forget(session, this.unsent)
    next_step: Call | Probe | None = None
    with session.no_autoflush:  # nothing is written if nothing is due
        sending_state = claim.lease_remote(session, remote, state.worker_id, now) if may_claim else None
        if sending_state and not remote.is_probing and remote.dialect:
            batch = _claim(session, remote, this, sending_state, current_settings, now)
            if batch:
                next_step = Call(batch, local_site.load_identity(session, state.vault, state.config, now))
        if sending_state and this.may_probe and (remote.is_probing or remote.dialect is None):
            next_step = Probe.DUE
        if next_step is None and not this.running:
            claim.release_lease(remote, state.worker_id)
    is_over = next_step is None and not this.running
    if this.finished and (_has_failed(this.finished) or (is_over and _is_outdated(remote, now))):
        refresh_status(session, remote, current_settings, now)
    return next_step


def _claim(
    session: Session,
    remote: Remote,
    this: Round,
    sending_state: claim.SendingState,
    current_settings: Settings,
    now: datetime,
) -> Batch | ChangeBatch | None:
    """The next batch: of changes, or of movements."""
    vault = get_runtime().vault
    if this.running is None:
        changes = claim_changes(session, remote, vault, now)
        return changes or claim.claim_batch(session, remote, sending_state, vault, current_settings, now)
    running = this.running.batch
    if not (this.running.may_be_followed and isinstance(running, Batch)) or has_due_changes(session, remote, now):
        return None
    after_id = running.items[-1].delivery_id
    return claim.claim_batch(session, remote, sending_state, vault, current_settings, now, after_id=after_id)


def _save(session: Session, remote: Remote, call: FinishedCall, current_settings: Settings, now: datetime) -> None:
    worker_id = get_runtime().worker_id
    if isinstance(call[0], Batch):
        save_outcome(session, remote, *call, worker_id, current_settings, now)
    else:
        change_outcome.save_outcome(session, remote, *call, worker_id, current_settings, now)


def _has_failed(call: FinishedCall) -> bool:
    return isinstance(call[1], BatchFailed | ChangesFailed)


def _is_outdated(remote: Remote, now: datetime) -> bool:
    """Whether the stored status may be wrong after a call that succeeded. While it is green, the job that refreshes all
    statuses is enough."""
    is_recent = remote.status_at is not None and timedelta(0) <= now - remote.status_at < MIN_STATUS_AGE
    return remote.status != GREEN or not is_recent


class _Background:
    """A second thread, if one is needed, that makes a call while this one works with the database."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._executor: ThreadPoolExecutor | None = None

    def __enter__(self) -> "_Background":
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor:
            self._executor.shutdown()

    def start(self, call: Call) -> Future[FinishedCall]:
        """Begin to make the call."""
        self._executor = self._executor or ThreadPoolExecutor(1, thread_name_prefix="call")
        return self._executor.submit(self._run, call)

    def _run(self, call: Call) -> FinishedCall:
        with self._app.app_context():
            return _make_call(call)


def _make_call(call: Call) -> FinishedCall:
    """Make the call, outside any transaction."""
    state, batch = get_runtime(), call.batch
    db.session.remove()
    try:
        if isinstance(batch, ChangeBatch):
            return batch, send_changes(state.client, call.identity, batch, clock.now())
        return batch, send_batch(state.client, call.identity, batch, call.movements, clock.now())
    except Exception as error:
        # An error in our own code counts as a failed attempt; otherwise the remote would look silent forever.
        log.exception("remote %s: the call failed with an unexpected error", batch.remote_id)
        failed = BatchFailed(
            "bad_answer",
            f"The call failed here with an unexpected error ({type(error).__name__}). See this site's log.",
        )
        if isinstance(batch, ChangeBatch):
            return batch, ChangesFailed(failed, is_about_changes=True)
        return batch, failed
