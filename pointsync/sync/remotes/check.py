"""Checking a remote: a ping outside any transaction, and saving its result."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.db import run_in_transaction
from pointsync.ledger.apply import lock_origin
from pointsync.ledger.outbox import get_local_auth, keep_ids_above
from pointsync.ledger.people.erasure import receipt_answers
from pointsync.models import Remote, StatusChange
from pointsync.runtime import get_runtime
from pointsync.sync.comparison import changes as change_sums
from pointsync.sync.comparison import compare
from pointsync.sync.comparison.changes import ChangeSums
from pointsync.sync.protocol.changes import UNDERSTOOD
from pointsync.sync.protocol.ping import PingResult, ping
from pointsync.sync.protocol.request import Target
from pointsync.sync.remotes import pinned_key, queue, remotes, sending_problem, shown_stamps, status_facts, unchanged
from pointsync.sync.remotes.backoff import bounded_retry_after, forget_future_failure
from pointsync.sync.remotes.sharing_key import RemoteInput
from pointsync.sync.remotes.status import StatusFacts, compute_status, describe_status
from pointsync.sync.remotes.target import load_keys, load_target
from pointsync.sync.remotes.unchanged import Before
from pointsync.sync.site import general, local_site, settings
from pointsync.sync.site.installation import BEHIND
from pointsync.sync.site.local_site import Identity
from pointsync.sync.site.settings import Settings
from pointsync.text_limits import MAX_MESSAGE_LENGTH

log = logging.getLogger(__name__)


def check_remote(remote_id: int) -> PingResult:
    """Ping a remote and save the result. Raises NotFound for an unknown id, DatabaseBusy if the database is busy."""
    state, now, session = get_runtime(), clock.now(), db.session()
    remote = remotes.get(session, remote_id)
    identity = local_site.load_identity(session, state.vault, state.config, now)
    sums, changes = compare.Snapshot.take(session, remote, identity.run), ChangeSums.take(session, remote)
    target = load_target(session, remote, state.vault)
    asked = receipt_answers.list_open(session, remote.auth, now)
    before = Before(remote, target, identity, sums, changes, now, asked)
    ping_result = _ping(identity, target, now, asked)
    is_confirmed = not asked and before.is_confirmed_by(ping_result)
    if is_confirmed and run_in_transaction(partial(unchanged.save, before=before)):
        return ping_result
    run_in_transaction(lambda session: save_result(session, before, ping_result, clock.now()))
    return ping_result


def preview_remote(remote_input: RemoteInput) -> PingResult:
    """Ping a site with the fields that an admin has entered. Nothing is stored."""
    state, now, session = get_runtime(), clock.now(), db.session()
    target = Target(
        url=remote_input.url,
        auth=remote_input.auth,
        password=remote_input.password,
        reserve=remote_input.target_reserve,
        query_template=remote_input.query_template,
        keys=load_keys(session, remote_input.auth),
        observed=remote_input.observed_reserve,
    )
    return _ping(local_site.load_identity(session, state.vault, state.config, now), target, now)


def _ping(identity: Identity, target: Target, now: datetime, open_erasures: Sequence[str] = ()) -> PingResult:
    """Ping the target, with the database session closed during the call."""
    db.session.remove()
    return ping(get_runtime().client, identity, target, now, open_erasures)


def save_result(session: Session, before: Before, ping_result: PingResult, now: datetime) -> None:
    """Save a ping's result with its remote, unless an admin has changed the remote in the meantime.

    A success ends probing, so that everything waiting is sent; if nothing is waiting, it also clears the failure of
    the last attempt.
    """
    current_settings = settings.read(session)
    remote = Remote.get_for_update(session, before.remote.id)
    if remote is None:
        return
    shown_stamps.heed(session, remote, ping_result.code, ping_result.stamp)
    if remote.version != before.remote.version:
        return
    forget_future_failure(remote, now)
    remote.checked_at = now
    remote.checked_run = before.identity.run or remote.checked_run
    remote.check_code, remote.check_message = ping_result.code, ping_result.message[:MAX_MESSAGE_LENGTH]
    remote.check_is_permanent = ping_result.is_permanent
    if ping_result.dialect:
        remote.dialect = ping_result.dialect
        remote.name, remote.facts = ping_result.name, ping_result.facts
        remote.takes_changes = UNDERSTOOD in ping_result.facts.get("understands", [])
        remote.clock_offset_seconds = ping_result.clock_offset_seconds
    if ping_result.dialect or ping_result.offered_key:
        pinned_key.save_keys(lock_origin(session, remote.auth, now), ping_result)
    if ping_result.is_ok:
        _check_succeeded(session, remote)
        session.flush()
        compare.save_ping(session, remote, before.sums, ping_result.sums, now)
        change_sums.save_ping(session, remote, before.changes, ping_result.sums.get("changes"))
        answers, local_auth = ping_result.sums.get("erasures"), get_local_auth(session)
        receipt_answers.save_answers(session, remote, before.asked, answers, local_auth, now)
        for name in ("have", "changes"):
            keep_ids_above(session, ping_result.sums.get(name), now)
    else:
        log_fields = {"remote": remote.id, "code": ping_result.code}
        log.info("remote %s: check failed, %s: %s", remote.id, ping_result.code, ping_result.message, extra=log_fields)
        # A stopped site asks without a run, which is refused. So that is no failure of the remote.
        is_expected = before.identity.run is None and ping_result.code == BEHIND
        _check_failed(remote, ping_result, current_settings, now, is_expected=is_expected)
    refresh_status(session, remote, current_settings, now)


def _check_failed(
    remote: Remote, ping_result: PingResult, current_settings: Settings, now: datetime, *, is_expected: bool
) -> None:
    delay = bounded_retry_after(ping_result.retry_after_seconds, remote.failures, current_settings) or timedelta(
        seconds=current_settings.delay_seconds
    )
    if not is_expected:
        remote.last_failure_at, remote.last_error = now, ping_result.message[:MAX_MESSAGE_LENGTH]
    if ping_result.is_permanent or remote.is_probing or remote.dialect is None:
        remote.is_probing = True
        remote.next_attempt_at = now + delay


def _check_succeeded(session: Session, remote: Remote) -> None:
    if remote.is_probing:
        # Reset the failures, too; otherwise used-up attempts would start probing again at once.
        remote.is_probing = False
        remote.next_attempt_at = None
        remote.failures = 0
    has_failed = remote.attempt_code not in (None, "ok")
    if (has_failed or remote.failures) and not sum(queue.waiting_counts(session, remote.id).values()):
        remote.failures = 0
        if has_failed:
            remote.attempt_code, remote.attempt_message, remote.attempt_is_permanent = "ok", None, False


def refresh_status(session: Session, remote: Remote, current_settings: Settings, now: datetime) -> None:
    """Compute a remote's status, store it with its time, and record a change of the colour."""
    forget_future_failure(remote, now)
    session.flush()
    facts = status_facts.load(session, remote, current_settings, sending_problem.find(session))
    save_status(session, remote, facts, current_settings, now)


def save_status(
    session: Session, remote: Remote, facts: StatusFacts, current_settings: Settings, now: datetime
) -> None:
    """Compute and store the status for `facts`, which were read at `now`."""
    status = compute_status(facts, now, current_settings)
    text = describe_status(facts, status, current_settings, now, general.get_time_zone(session))[:MAX_MESSAGE_LENGTH]
    if status != remote.status:
        log_fields = {"remote": remote.id, "status": status, "was": remote.status}
        log.info("remote %s: %s, was %s: %s", remote.id, status, remote.status, text, extra=log_fields)
        session.add(StatusChange(remote_id=remote.id, at=now, before=remote.status, after=status, words=text))
    remote.status, remote.status_text, remote.status_at = status, text, now
    session.flush()
