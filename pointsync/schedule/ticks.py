"""The jobs. Each tick does what is due. All state is in the database, so an extra tick does no harm."""

import logging
from datetime import datetime, timedelta
from functools import partial
from typing import cast
from zoneinfo import ZoneInfo

from flask import Flask, current_app
from sqlalchemy import delete, select

from pointsync import clock, db, leases
from pointsync.accounts import rate_limit, sign_ins
from pointsync.db import run_in_transaction, transaction
from pointsync.ledger import audit_recorder, mail_queue
from pointsync.ledger.expiry import expire, notices, rules
from pointsync.ledger.fetch_back import state as fetch_back_state
from pointsync.ledger.holds import holds
from pointsync.ledger.integrity import lost_deliveries, movement_changes, scrub, undigested
from pointsync.ledger.people import find_alike
from pointsync.ledger.reversals import reversals
from pointsync.ledger.rewards import levels
from pointsync.mail import mails, send
from pointsync.models import Attempt, ExpirySettings, Movement, Remote, Site, StatusChange
from pointsync.runtime import get_runtime
from pointsync.schedule.task_kinds import TASK_FUNCTIONS
from pointsync.sync.comparison import delivered
from pointsync.sync.remotes import blocked_origins
from pointsync.sync.site import general, installation, passes, settings
from pointsync.tasks import tasks
from pointsync.tasks.runner import run_next
from pointsync.woocommerce import hooks

log = logging.getLogger(__name__)

MAX_ATTEMPTS_KEPT = 10_000
"""Attempts kept per remote, whatever their age."""
LEASE_SECONDS, MIN_LEASE_SECONDS = 90, 60
FIND_PAUSE_SECONDS = 0.02
"""Between two parts, so that shops find the database free."""


def wake_couriers() -> None:
    """Wake the couriers for movements that other processes recorded, and for due retries and probes."""
    get_runtime().wake_couriers()


def heartbeat() -> None:
    """Check that the database is still this site's, record that this process runs jobs, and look at manual edits.

    A process that cannot check the database records nothing, so it does not count as alive.
    """
    state = get_runtime()
    with transaction() as session:
        installation.watch(session, state.config)
    with transaction() as session:
        leases.record_heartbeat(session, state.worker_id)
    installation.save_marker(db.session(), state.config)
    _process_manual_edits()


def _process_manual_edits() -> None:
    """Restore deleted deliveries, and read edited movements again.

    If deliveries are gone together with their movement, the sums of their remotes still contain it. So they are counted
    anew.
    """
    if have_lost_deliveries := lost_deliveries.are_waiting(db.session()):
        while run_in_transaction(lost_deliveries.restore_next_chunk):
            pass
    if movement_changes.are_waiting(db.session()):
        while run_in_transaction(partial(movement_changes.process_next_chunk, now=clock.now())):
            pass
    if have_lost_deliveries:
        delivered.correct_all()


def digest_old_movements() -> None:
    """Compute the digests of movements from before digests existed, part by part."""
    if undigested.progress(db.session()) is None or not take_lease("digest"):
        return
    while run_in_transaction(partial(undigested.digest_next_chunk, now=clock.now())):
        if get_runtime().stop_requested.is_set() or not take_lease("digest"):
            return


def find_duplicates() -> None:
    """Compare the addresses of new customers with all others, part by part."""
    if not find_alike.has_remaining(db.session()) or not take_lease("duplicates"):
        return
    while run_in_transaction(partial(find_alike.process_next_chunk, now=clock.now())):
        if get_runtime().stop_requested.wait(FIND_PAUSE_SECONDS) or not take_lease("duplicates"):
            return


def scrub_movements() -> None:
    """Read the next movements again; at the end of the ledger, check all sums."""
    if not scrub.is_due(db.session(), clock.now()) or not take_lease("scrub"):
        return
    after_seq = db.session.scalar(select(Site.scrubbed_seq)) or 0
    notes, last_seq = scrub.find_altered(db.session(), after_seq)
    if last_seq is None:
        wrong_sums = scrub.find_wrong_sums(db.session()).keys()
        wrong_totals = scrub.count_wrong_totals(db.session())
        if wrong_sums:
            run_in_transaction(partial(scrub.correct_sums, keys=wrong_sums, now=clock.now()))
        delivered.correct_all()
        run_in_transaction(partial(scrub.save_result, difference_count=wrong_totals))
    run_in_transaction(partial(scrub.save_part, notes=notes, last_seq=last_seq, now=clock.now()))


def expire_points() -> None:
    """Expire points once a day, and correct past expiries after late movements."""
    if fetch_back_state.is_running(db.session()):
        return
    now, zone = clock.now(), general.get_time_zone(db.session())
    reserve_ids = [reserve.id for _, reserve in rules.list_enabled(db.session())]
    if not reserve_ids or not take_lease("expire"):
        return
    due_reserve_ids = expire.list_due_reserves(db.session(), zone, now)
    for reserve_id in reserve_ids:
        if reserve_id in due_reserve_ids:
            _expire_today(reserve_id, zone, now)
        else:
            run_in_transaction(partial(expire.expire_late_movements, reserve_id=reserve_id, zone=zone, now=now))


def _expire_today(reserve_id: int, zone: ZoneInfo, now: datetime) -> None:
    last_seq, after_id = Movement.get_last_seq(db.session()), 0
    while take_lease("expire"):
        customer_ids, after_id = expire.find_overdue_customers(db.session(), reserve_id, after_id, zone, now)
        if customer_ids:
            run_in_transaction(
                partial(expire.expire_customers, reserve_id=reserve_id, customer_ids=customer_ids, zone=zone, now=now)
            )
        if not after_id:
            run_in_transaction(partial(expire.mark_done, reserve_id=reserve_id, zone=zone, now=now, last_seq=last_seq))
            return


def unlock_levels() -> None:
    """Unlock new or lowered levels for customers who had enough points already, part by part."""
    level_ids = [] if fetch_back_state.is_running(db.session()) else levels.list_unfinished(db.session())
    if not level_ids or not take_lease("levels"):
        return
    for level_id in level_ids:
        while run_in_transaction(partial(levels.process_batch, level_id=level_id, now=clock.now())):
            pass


def send_mails() -> None:
    """Send the due mails."""
    if fetch_back_state.is_running(db.session()):
        return
    if send.has_due_mail(db.session(), clock.now()) and take_lease("mails"):
        send.send_batch(get_runtime().config)


def queue_expiry_notices() -> None:
    """Once a day, queue mails for customers whose points expire soon. Only if this site sends mails."""
    session, now = db.session(), clock.now()
    if not mail_queue.is_enabled(session) or fetch_back_state.is_running(session):
        return
    zone, days = general.get_time_zone(session), settings.read(session).expiry_mail_days
    for expiry in notices.list_due(session, zone, now):
        reserve_id, version, after_id = expiry.reserve_id, expiry.version, 0
        while take_lease("notices"):
            mails_to_queue, after_id = notices.make_batch(
                db.session(), db.session.get_one(ExpirySettings, reserve_id), after_id, days, zone, now
            )
            if mails_to_queue:
                run_in_transaction(partial(mail_queue.enqueue, mails=mails_to_queue))
            if not after_id:
                finish = partial(notices.mark_done, reserve_id=reserve_id, version=version, zone=zone, now=now)
                run_in_transaction(finish)
                break


def run_tasks() -> None:
    """Run the waiting background tasks, one after the other."""
    state = get_runtime()
    while run_next(TASK_FUNCTIONS, state.config.data, state.worker_id, state.stop_requested):
        pass


def run_reversals() -> None:
    """Continue the reversals of movements from blocked sites that admins have started."""
    if fetch_back_state.is_running(db.session()):
        return
    running = [(each.id, each.after_customer_id) for each in reversals.list_unfinished(db.session())]
    for reversal_id, after_id in running:
        while take_lease("reverse"):
            customer_ids, after_id = reversals.find_affected_customers(db.session(), reversal_id, after_id)
            run_step = partial(
                reversals.process_batch,
                reversal_id=reversal_id,
                customer_ids=customer_ids,
                after_customer_id=after_id,
                now=clock.now(),
            )
            if (customer_ids or not after_id) and not run_in_transaction(run_step):
                break


def prune_tables() -> None:
    """Delete old rows: attempts, status changes, hook deliveries, mails, tasks, audit entries and others."""
    if not take_lease("prune"):
        return
    with transaction() as session:
        current_settings = settings.read(session)
        kept_days = max(current_settings.statistics_days, current_settings.warning_days)
        before = clock.now() - timedelta(days=kept_days)
        session.execute(delete(Attempt).where(Attempt.started_at < before))
        session.execute(delete(StatusChange).where(StatusChange.at < before))
        for remote_id in session.scalars(select(Remote.id)).all():
            query = (
                select(Attempt.id)
                .where(Attempt.remote_id == remote_id)
                .order_by(Attempt.id.desc())
                .offset(MAX_ATTEMPTS_KEPT)
                .limit(1)
            )
            newest_dropped_id = session.scalar(query)
            if newest_dropped_id is not None:
                session.execute(delete(Attempt).where(Attempt.remote_id == remote_id, Attempt.id <= newest_dropped_id))
        hooks.prune(session)
        holds.prune(session, clock.now())
        blocked_origins.delete_old_refusals(session, before)
        passes.delete_expired(session, clock.now())
        mails.prune(session, clock.now())
        rate_limit.prune(session, clock.now())
        sign_ins.prune(session, clock.now())
        tasks.prune(session, clock.now())
        audit_recorder.prune(session, clock.now() - audit_recorder.RETENTION)
    tasks.prune_files(db.session(), get_runtime().config.data, clock.now())


def current_app_object() -> Flask:
    return cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]


def take_lease(name: str) -> bool:
    """Take or renew the lease `name`. Return whether this process has it, so that one process does the job.

    It has it for at least MIN_LEASE_SECONDS then. One that lasts so long is not written again.
    """
    worker_id = get_runtime().worker_id
    return leases.is_held(db.session(), name, worker_id, MIN_LEASE_SECONDS) or run_in_transaction(
        lambda session: leases.acquire(session, name, worker_id, LEASE_SECONDS)
    )
