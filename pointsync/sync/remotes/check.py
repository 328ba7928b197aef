"""Checking a remote: a ping outside any transaction, and what it found written to its line."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.db import db, in_write
from pointsync.ledger.apply import lock_origin
from pointsync.models import Remote, StatusChange
from pointsync.runtime import runtime
from pointsync.sync.protocol.ping import Verdict, ping
from pointsync.sync.remotes import pinned_key, queue, remotes, restore_detection
from pointsync.sync.remotes.backoff import wait_asked
from pointsync.sync.remotes.status import Facts, status, words
from pointsync.sync.remotes.target import target_of
from pointsync.sync.site import local_site, settings

log = logging.getLogger(__name__)

MEANWHILE = timedelta(minutes=1)
"""No status was computed longer ago than that and is stored only now; a later moment is a clock put right."""


def check(remote_id: int) -> Verdict:
    """Ping a remote and keep what was found. Raises NotFound for another id, Busy when the database is."""
    here = runtime()
    now = clock.now()
    session = db.session()
    remote = remotes.get(session, remote_id)
    asked = Asked(remote.id, remote.version, remote.acknowledged)
    target = target_of(session, remote, here.vault)
    identity = local_site.identity(session, here.vault, here.config, now)
    db.session.remove()
    verdict = ping(here.client, identity, target, now)
    in_write(lambda session: note(session, asked, verdict, clock.now()))
    return verdict


@dataclass(frozen=True, slots=True)
class Asked:
    """The line as it was when it was asked."""

    remote_id: int
    version: int
    acknowledged: int


def note(session: Session, asked: Asked, verdict: Verdict, now: datetime) -> None:
    """Write a verdict to its line; the first good one pins the other site's key, another key is kept to be decided.

    A good one ends the probing, so that all that waits is sent; with nothing waiting it also ends
    what the last attempt left behind. A line that an admin has changed meanwhile is left alone.
    """
    known = settings.read(session)
    remote = Remote.locked(session, asked.remote_id)
    if remote is None or remote.version != asked.version:
        return
    remote.checked_at = now
    remote.check_code, remote.check_message = verdict.code, verdict.message[:500]
    remote.check_is_permanent = verdict.is_permanent
    if verdict.dialect and verdict.dialect != remote.dialect:
        # What the one dialect has acknowledged says nothing of what the other side's ledger holds.
        remote.dialect, remote.counted_since, remote.acknowledged = verdict.dialect, now, 0
    if verdict.dialect:
        remote.name, remote.facts = verdict.name, verdict.facts
        remote.clock_offset_seconds = verdict.clock_offset_seconds
    if verdict.key or verdict.offered_key:
        pinned_key.note(lock_origin(session, remote.auth, now), verdict)
    if verdict.ok:
        _went_well(session, remote)
        if verdict.have is not None:
            restore_detection.weigh(session, remote, verdict.have, asked.acknowledged, known, now)
    else:
        fields = {"remote": remote.id, "code": verdict.code}
        log.info("remote %s: check failed, %s: %s", remote.id, verdict.code, verdict.message, extra=fields)
        _went_ill(remote, verdict, known, now)
    restate(session, remote, known, now)


def _went_ill(remote: Remote, verdict: Verdict, known: settings.Settings, now: datetime) -> None:
    delay = wait_asked(verdict.retry_after_seconds, remote.failures, known) or timedelta(seconds=known.delay_seconds)
    remote.last_failure_at, remote.last_error = now, verdict.message[:500]
    if verdict.is_permanent or remote.is_probing or remote.dialect is None:
        remote.is_probing = True
        remote.next_attempt_at = now + delay


def _went_well(session: Session, remote: Remote) -> None:
    if remote.is_probing:
        # Its failures are past, too: or the used up attempts of what waits would ask for the next probe.
        remote.is_probing = False
        remote.next_attempt_at = None
        remote.failures = 0
    if not sum(queue.counts(session, remote.id).values()):
        remote.failures = 0
        if remote.attempt_code not in (None, "ok"):
            remote.attempt_code, remote.attempt_message, remote.attempt_is_permanent = "ok", None, False


def restate(session: Session, remote: Remote, known: settings.Settings, now: datetime) -> None:
    """Compute a remote's status, store it with its time, and record a change of the colour."""
    session.flush()
    facts = queue.facts(session, remote, known)
    store_status(session, remote, facts, known, now)


def store_status(session: Session, remote: Remote, facts: Facts, known: settings.Settings, now: datetime) -> None:
    """Store the status that `facts`, gathered at `now`, come to; one computed since then stands."""
    if remote.status_at and now < remote.status_at <= now + MEANWHILE:
        return
    shown = status(facts, now, known)
    said = words(facts, shown, known)[:500]
    if shown != remote.status:
        fields = {"remote": remote.id, "status": shown, "was": remote.status}
        log.info("remote %s: %s, was %s: %s", remote.id, shown, remote.status, said, extra=fields)
        session.add(StatusChange(remote_id=remote.id, at=now, before=remote.status, after=shown, words=said))
    remote.status, remote.status_text, remote.status_at = shown, said, now
    session.flush()
