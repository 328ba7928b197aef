"""Jobs: each a tick that asks what is due. All state is in the database; a tick more does no harm."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from flask import Flask, current_app
from sqlalchemy import delete, or_, select

from pointsync import clock, leases
from pointsync.accounts import rate_limit
from pointsync.db import db, in_write, write
from pointsync.errors import NotFound
from pointsync.ledger import audit_recorder
from pointsync.ledger import mail_queue as owed_mails
from pointsync.ledger.expiry import expire as expiring
from pointsync.ledger.expiry import notices, rules
from pointsync.ledger.reversals import reversals
from pointsync.ledger.rewards import levels
from pointsync.mail import mails, send
from pointsync.models import Attempt, Expiry, Origin, Remote, StatusChange
from pointsync.runtime import runtime
from pointsync.schedule.task_kinds import KINDS
from pointsync.sync.remotes import backfill, blocked_origins, queue, remotes, restore_detection
from pointsync.sync.remotes import check as checks
from pointsync.sync.site import general, local_site, passes, settings
from pointsync.tasks import tasks
from pointsync.tasks.runner import do_next
from pointsync.woocommerce import hooks

log = logging.getLogger(__name__)

CHECKS_AT_ONCE = 8
ATTEMPTS_KEPT = 10_000
"""Attempts kept per remote, whatever their age."""
LEASE_SECONDS = 60


def deliver() -> None:
    """Ring for the couriers: new movements of other processes, retries and probes that are due."""
    runtime().wake()


def heartbeat() -> None:
    """Say that this process runs jobs, and write the last movement id beside the database."""
    here = runtime()
    with write() as session:
        leases.beat(session, here.worker_id)
    local_site.remember(db.session(), here.config)


def check_remotes() -> None:
    """Ping the remotes whose last check is older than `check_seconds`, side by side: a slow one holds up no other."""
    now = clock.now()
    known = settings.read(db.session())
    before = now - timedelta(seconds=known.check_seconds)
    late = db.session.scalars(
        select(Remote.id).where(
            Remote.deleted_at.is_(None),
            Remote.paused_at.is_(None),
            Remote.auth.not_in(Origin.blocked()),
            Remote.is_probing.is_(False),
            or_(Remote.checked_at.is_(None), Remote.checked_at <= before, Remote.checked_at > now),
        )
    ).all()
    if late and _is_mine("check"):
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        with ThreadPoolExecutor(CHECKS_AT_ONCE, thread_name_prefix="check") as pool:
            list(pool.map(lambda remote_id: _check(app, remote_id), late))


def _check(app: Flask, remote_id: int) -> None:
    with app.app_context():
        try:
            checks.check(remote_id)
        except NotFound:
            log.info("remote %s was deleted before it was checked", remote_id)


def compute_status() -> None:
    """Compute every remote's status, store it, and delete lines that were closed and are empty.

    The counting is done outside the write, so that the shop does not wait for it.
    """
    if not _is_mine("status"):
        return
    now = clock.now()
    known = settings.read(db.session())
    gathered = {remote.id: queue.facts(db.session(), remote, known) for remote in queue.every(db.session())}
    with write() as session:
        for remote_id, facts in gathered.items():
            remote = Remote.locked(session, remote_id)
            if remote is not None:
                checks.store_status(session, remote, facts, known, now)
        remotes.close_emptied(session, now)


def send_history() -> None:
    """Owe newcomers the next part of this site's history, and restored sites what they have lost."""
    newcomers, losers = backfill.unfinished(db.session()), restore_detection.under_way(db.session())
    if not (newcomers or losers) or not _is_mine("history"):
        return
    for remote_id in newcomers:
        while in_write(partial(backfill.step, remote_id=remote_id, now=clock.now())):
            runtime().wake()
    for remote_id in losers:
        while in_write(partial(restore_detection.step, remote_id=remote_id)):
            runtime().wake()
    runtime().wake()


def expire() -> None:
    """Once a day let be lost what the rules take; and work out again what movements that came late have changed."""
    now, zone = clock.now(), general.time_zone(db.session())
    reserve_ids = [reserve.id for _, reserve in rules.on(db.session())]
    if not reserve_ids or not _is_mine("expire"):
        return
    due = expiring.due(db.session(), zone, now)
    for reserve_id in reserve_ids:
        if reserve_id in due:
            _expire_today(reserve_id, zone, now)
        else:
            in_write(partial(expiring.expire_late, reserve_id=reserve_id, zone=zone, now=now))


def _expire_today(reserve_id: int, zone: ZoneInfo, now: datetime) -> None:
    last_seq, after = expiring.newest_seq(db.session()), 0
    while _is_mine("expire"):
        found, after = expiring.overdue(db.session(), reserve_id, after, zone, now)
        if found:
            in_write(partial(expiring.expire, reserve_id=reserve_id, customer_ids=found, zone=zone, now=now))
        if not after:
            in_write(partial(expiring.finish, reserve_id=reserve_id, zone=zone, now=now, last_seq=last_seq))
            return


def unlock_levels() -> None:
    """Write who has had the points of a new level already, or of one that is easier to reach now, part by part."""
    new = levels.unfinished(db.session())
    if not new or not _is_mine("levels"):
        return
    for level_id in new:
        while in_write(partial(levels.step, level_id=level_id, now=clock.now())):
            pass


def send_mails() -> None:
    """Send the mails that are due."""
    if send.is_due(db.session(), clock.now()) and _is_mine("mails"):
        send.send_batch(runtime().config)


def tell_expiry() -> None:
    """Once a day owe mails to those who lose points soon, part by part; only where mails are sent from this site."""
    session, now = db.session(), clock.now()
    if not owed_mails.is_on(session):
        return
    zone, days = general.time_zone(session), settings.read(session).expiry_mail_days
    for expiry in notices.due(session, zone, now):
        reserve_id, version, after = expiry.reserve_id, expiry.version, 0
        while _is_mine("notices"):
            rows, after = notices.found(db.session(), db.session.get_one(Expiry, reserve_id), after, days, zone, now)
            if rows:
                in_write(partial(owed_mails.queue, mails=rows))
            if not after:
                finish = partial(notices.finish, reserve_id=reserve_id, version=version, zone=zone, now=now)
                in_write(finish)
                break


def do_works() -> None:
    """Do what admins have asked for that takes long, one after the other."""
    here = runtime()
    while do_next(KINDS, here.config.data, here.worker_id, here.ending):
        pass


def reverse() -> None:
    """Take back what came from blocked origins, part by part, where an admin has asked for it."""
    under_way = [(each.id, each.after_customer_id) for each in reversals.unfinished(db.session())]
    for reversal_id, after in under_way:
        while _is_mine("reverse"):
            found, after = reversals.affected(db.session(), reversal_id, after)
            part = partial(reversals.step, reversal_id=reversal_id, customer_ids=found, after=after, now=clock.now())
            if (found or not after) and not in_write(part):
                break


def prune() -> None:
    """Forget attempts that are past the statistics, and all but the newest per remote and hook."""
    if not _is_mine("prune"):
        return
    with write() as session:
        known = settings.read(session)
        kept_days = max(known.statistics_days, known.warning_days)
        before = clock.now() - timedelta(days=kept_days)
        session.execute(delete(Attempt).where(Attempt.started_at < before))
        session.execute(delete(StatusChange).where(StatusChange.at < before))
        for remote_id in session.scalars(select(Remote.id)).all():
            newest = (
                select(Attempt.id)
                .where(Attempt.remote_id == remote_id)
                .order_by(Attempt.id.desc())
                .offset(ATTEMPTS_KEPT)
                .limit(1)
            )
            oldest_kept = session.scalar(newest)
            if oldest_kept is not None:
                session.execute(delete(Attempt).where(Attempt.remote_id == remote_id, Attempt.id <= oldest_kept))
        hooks.prune(session)
        blocked_origins.prune(session, before)
        passes.prune(session, clock.now())
        mails.prune(session, clock.now())
        rate_limit.prune(session, clock.now())
        tasks.prune(session, clock.now())
        audit_recorder.prune(session, clock.now() - audit_recorder.KEPT)
    tasks.prune_files(db.session(), runtime().config.data, clock.now())


def _is_mine(name: str) -> bool:
    """Whether this process does the work called `name` for now; among several, one does."""
    return in_write(lambda session: leases.take(session, name, runtime().worker_id, LEASE_SECONDS))
