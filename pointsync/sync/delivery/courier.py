"""Couriers: one thread per remote that has something due, so that a slow remote does not delay others.

The database decides which worker may call a remote. This module only prevents a second courier for the same
remote in one process, and wakes the dispatcher.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from time import monotonic

from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.db import DatabaseBusy, run_in_transaction
from pointsync.models import Remote
from pointsync.runtime import get_runtime
from pointsync.sync.delivery import change_outcome
from pointsync.sync.delivery.batch import Batch, BatchFailed, BatchOutcome
from pointsync.sync.delivery.change_claim import ChangeBatch, claim_changes
from pointsync.sync.delivery.change_send import ChangesFailed, ChangesOutcome, send_changes
from pointsync.sync.delivery.claim import claim_batch, lease_remote, list_due, release_lease
from pointsync.sync.delivery.outcome import save_outcome
from pointsync.sync.delivery.send import send_batch
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
SHUTDOWN_SECONDS = 7
"""How long a stopping process waits for running calls. Movements of aborted calls are sent again later."""


class Couriers:
    """All couriers of this process, and the dispatcher that starts one for each remote that has something due."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._wake_event = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads: dict[int, threading.Thread] = {}
        self._rerun_ids: set[int] = set()
        self._dispatcher = threading.Thread(target=self._dispatch, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Start the dispatcher."""
        self._dispatcher.start()

    def wake(self) -> None:
        """Let the dispatcher look for due remotes now; cheap, and safe from any thread."""
        self._wake_event.set()

    def stop(self) -> None:
        """Start no new call, wait for running calls, and then abort them."""
        self._stopping.set()
        self._wake_event.set()
        self._dispatcher.join(SHUTDOWN_SECONDS)
        with self._lock:
            threads = list(self._threads.values())
        deadline = monotonic() + SHUTDOWN_SECONDS
        for thread in threads:
            thread.join(max(deadline - monotonic(), 0))
        with self._app.app_context():
            get_runtime().client.close()
        for thread in threads:
            thread.join(1)

    def _dispatch(self) -> None:
        while not self._stopping.is_set():
            self._wake_event.wait()
            self._wake_event.clear()
            try:
                with self._app.app_context():
                    remote_ids = list_due(db.session(), clock.now())
                for remote_id in remote_ids:
                    self._start_courier(remote_id)
            except Exception:
                # The dispatcher wakes again within a second; neither an unreachable database nor a thread that
                # cannot be started may end it.
                log.exception("looking for due remotes failed")

    def _start_courier(self, remote_id: int) -> None:
        with self._lock:
            if self._stopping.is_set():
                return
            if remote_id in self._threads:
                self._rerun_ids.add(remote_id)
                return
            thread = threading.Thread(
                target=self._run_courier, args=(remote_id,), name=f"courier-{remote_id}", daemon=True
            )
            thread.start()
            self._threads[remote_id] = thread

    def _run_courier(self, remote_id: int) -> None:
        while True:
            try:
                with self._app.app_context():
                    deliver(remote_id, self._stopping)
            except DatabaseBusy as error:
                log.warning("delivering to remote %s is retried: %s", remote_id, error)
            except Exception:
                log.exception("delivering to remote %s failed", remote_id)
            with self._lock:
                if remote_id in self._rerun_ids and not self._stopping.is_set():
                    self._rerun_ids.discard(remote_id)
                    continue
                del self._threads[remote_id]
                return


def deliver(remote_id: int, stop_event: threading.Event) -> None:
    """Send a remote's deliveries, batch after batch, until nothing is due or the process stops.

    Changes of people are sent first: what movements are about may depend on them.
    """
    finished_call: FinishedCall | None = None
    has_probed = False
    while True:
        next_step = _take_step_with_retry(remote_id, finished_call, stop_event, may_probe=not has_probed)
        finished_call = None
        if isinstance(next_step, Call):
            call = _make_call(next_step)
            # A call that this process aborted while stopping says nothing about the remote.
            if not _has_failed(call) or not stop_event.is_set():
                finished_call = call
        elif next_step is Probe.DUE:
            has_probed = True
            check_remote(remote_id)
        else:
            return


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is due: its batch, and who this site is."""

    batch: Batch | ChangeBatch
    identity: Identity


class Probe(Enum):
    """Instead of a call: a ping is due."""

    DUE = "due"


def _take_step_with_retry(
    remote_id: int, finished_call: FinishedCall | None, stop_event: threading.Event, may_probe: bool
) -> Call | Probe | None:
    """Save the finished call's outcome and claim the next batch, in one transaction; None if nothing is due.

    The outcome must not be lost because the database is busy: saving is retried with growing pauses until it
    succeeds or the process stops. In the latter case the same movements are sent again later.
    """
    backoff_seconds = MIN_BACKOFF_SECONDS
    while True:
        may_claim = not stop_event.is_set()
        try:
            return run_in_transaction(
                partial(
                    _take_step,
                    remote_id=remote_id,
                    finished_call=finished_call,
                    may_claim=may_claim,
                    may_probe=may_probe,
                )
            )
        except DatabaseBusy:
            if finished_call is None or not may_claim:
                raise
            if backoff_seconds == MIN_BACKOFF_SECONDS:
                log.warning("remote %s: the database is busy; saving the call's outcome is retried", remote_id)
            stop_event.wait(backoff_seconds)
            backoff_seconds = min(backoff_seconds * 2, MAX_BACKOFF_SECONDS)


def _take_step(
    session: Session, remote_id: int, finished_call: FinishedCall | None, may_claim: bool, may_probe: bool
) -> Call | Probe | None:
    state, now = get_runtime(), clock.now()
    current_settings = settings.read(session)
    remote = Remote.get_for_update(session, remote_id)
    assert remote, "remotes are hidden, never deleted from the table"
    if finished_call:
        _save(session, remote, finished_call, current_settings, now)
    next_step: Call | Probe | None = None
    with session.no_autoflush:  # nothing is written if nothing is due
        sending_state = lease_remote(session, remote, state.worker_id, now) if may_claim else None
        if sending_state:
            if not remote.is_probing and remote.dialect:
                batch = claim_changes(session, remote, state.vault, now) or claim_batch(
                    session, remote, sending_state, state.vault, current_settings, now
                )
                if batch:
                    next_step = Call(batch, local_site.load_identity(session, state.vault, state.config, now))
            if may_probe and (remote.is_probing or remote.dialect is None):
                next_step = Probe.DUE
        if next_step is None:
            release_lease(remote, state.worker_id)
    if finished_call and (_has_failed(finished_call) or (next_step is None and _is_outdated(remote, now))):
        refresh_status(session, remote, current_settings, now)
    return next_step


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


def _make_call(call: Call) -> FinishedCall:
    """Make the call, outside any transaction."""
    state, batch = get_runtime(), call.batch
    db.session.remove()
    try:
        if isinstance(batch, ChangeBatch):
            return batch, send_changes(state.client, call.identity, batch, clock.now())
        return batch, send_batch(state.client, call.identity, batch, clock.now())
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
