"""Checking a remote: a ping outside any transaction, and what it found written to its line."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.db import run_in_transaction
from pointsync.ledger.apply import lock_origin
from pointsync.models import Remote, StatusChange
from pointsync.runtime import get_runtime
from pointsync.sync.protocol.ping import PingResult, ping
from pointsync.sync.remotes import pinned_key, queue, remotes, restore_detection
from pointsync.sync.remotes.backoff import bounded_retry_after
from pointsync.sync.remotes.status import StatusFacts, compute_status, describe_status
from pointsync.sync.remotes.target import load_target
from pointsync.sync.site import local_site, settings

log = logging.getLogger(__name__)

MAX_STATUS_AGE = timedelta(minutes=1)
"""No status was computed longer ago than that and is stored only now; a later moment is a clock put right."""


def check_remote(remote_id: int) -> PingResult:
    """Ping a remote and keep what was found. Raises NotFound for another id, Busy when the database is."""
    state = get_runtime()
    now = clock.now()
    session = db.session()
    remote = remotes.get(session, remote_id)
    snapshot = RemoteSnapshot(remote.id, remote.version, remote.acknowledged)
    target = load_target(session, remote, state.vault)
    identity = local_site.load_identity(session, state.vault, state.config, now)
    db.session.remove()
    ping_result = ping(state.client, identity, target, now)
    run_in_transaction(lambda session: save_result(session, snapshot, ping_result, clock.now()))
    return ping_result


@dataclass(frozen=True, slots=True)
class RemoteSnapshot:
    """The line as it was when it was asked."""

    remote_id: int
    version: int
    acknowledged_count: int


def save_result(session: Session, snapshot: RemoteSnapshot, ping_result: PingResult, now: datetime) -> None:
    """Write a verdict to its line; the first good one pins the other site's key, another key is kept to be decided.

    A good one ends the probing, so that all that waits is sent; with nothing waiting it also ends
    what the last attempt left behind. A line that an admin has changed meanwhile is left alone.
    """
    current_settings = settings.read(session)
    remote = Remote.get_for_update(session, snapshot.remote_id)
    if remote is None or remote.version != snapshot.version:
        return
    remote.checked_at = now
    remote.check_code, remote.check_message = ping_result.code, ping_result.message[:500]
    remote.check_is_permanent = ping_result.is_permanent
    if ping_result.dialect and ping_result.dialect != remote.dialect:
        # What the one dialect has acknowledged says nothing of what the other side's ledger holds.
        remote.dialect, remote.counted_since, remote.acknowledged = ping_result.dialect, now, 0
    if ping_result.dialect:
        remote.name, remote.facts = ping_result.name, ping_result.facts
        remote.clock_offset_seconds = ping_result.clock_offset_seconds
    if ping_result.signing_key or ping_result.offered_key:
        pinned_key.save_keys(lock_origin(session, remote.auth, now), ping_result)
    if ping_result.is_ok:
        _check_succeeded(session, remote)
        if ping_result.have is not None:
            restore_detection.detect_restore(
                session, remote, ping_result.have, snapshot.acknowledged_count, current_settings, now
            )
    else:
        log_fields = {"remote": remote.id, "code": ping_result.code}
        log.info("remote %s: check failed, %s: %s", remote.id, ping_result.code, ping_result.message, extra=log_fields)
        _check_failed(remote, ping_result, current_settings, now)
    refresh_status(session, remote, current_settings, now)


def _check_failed(remote: Remote, ping_result: PingResult, current_settings: settings.Settings, now: datetime) -> None:
    delay = bounded_retry_after(ping_result.retry_after_seconds, remote.failures, current_settings) or timedelta(
        seconds=current_settings.delay_seconds
    )
    remote.last_failure_at, remote.last_error = now, ping_result.message[:500]
    if ping_result.is_permanent or remote.is_probing or remote.dialect is None:
        remote.is_probing = True
        remote.next_attempt_at = now + delay


def _check_succeeded(session: Session, remote: Remote) -> None:
    if remote.is_probing:
        # Its failures are past, too: or the used up attempts of what waits would ask for the next probe.
        remote.is_probing = False
        remote.next_attempt_at = None
        remote.failures = 0
    if not sum(queue.waiting_counts(session, remote.id).values()):
        remote.failures = 0
        if remote.attempt_code not in (None, "ok"):
            remote.attempt_code, remote.attempt_message, remote.attempt_is_permanent = "ok", None, False


def refresh_status(session: Session, remote: Remote, current_settings: settings.Settings, now: datetime) -> None:
    """Compute a remote's status, store it with its time, and record a change of the colour."""
    session.flush()
    facts = queue.load_status_facts(session, remote, current_settings)
    save_status(session, remote, facts, current_settings, now)


def save_status(
    session: Session, remote: Remote, facts: StatusFacts, current_settings: settings.Settings, now: datetime
) -> None:
    """Store the status that `facts`, gathered at `now`, come to; one computed since then stands."""
    if remote.status_at and now < remote.status_at <= now + MAX_STATUS_AGE:
        return
    new_status = compute_status(facts, now, current_settings)
    new_text = describe_status(facts, new_status, current_settings)[:500]
    if new_status != remote.status:
        log_fields = {"remote": remote.id, "status": new_status, "was": remote.status}
        log.info("remote %s: %s, was %s: %s", remote.id, new_status, remote.status, new_text, extra=log_fields)
        session.add(StatusChange(remote_id=remote.id, at=now, before=remote.status, after=new_status, words=new_text))
    remote.status, remote.status_text, remote.status_at = new_status, new_text, now
    session.flush()
