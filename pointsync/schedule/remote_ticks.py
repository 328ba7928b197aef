"""The jobs that are about the remotes: checking and comparing them, their statuses, and their backfills."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import cache, partial

from sqlalchemy import Select, and_, bindparam, case, exists, or_, select

from pointsync import clock, db
from pointsync.db import UtcDateTime, run_in_transaction, transaction
from pointsync.errors import NotFound
from pointsync.ledger.integrity import scrub
from pointsync.models import Origin, ReceivedSummary, Remote, Site
from pointsync.runtime import get_runtime
from pointsync.schedule.ticks import take_lease
from pointsync.schedule.turns import take_turns
from pointsync.sync.comparison import received
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.remotes import (
    backfill,
    check,
    first_checks,
    parallel_checks,
    queue,
    remotes,
    sending_problem,
    status_facts,
)
from pointsync.sync.remotes.backoff import forget_future_failure
from pointsync.sync.remotes.status import COMPARISON_MARGIN, DOUBT_PERIOD, GREEN
from pointsync.sync.repair import changes as change_repair
from pointsync.sync.repair import comparisons, walk
from pointsync.sync.site import settings

log = logging.getLogger(__name__)

CHECK_INTERVAL = timedelta(seconds=1)
IN_DOUBT_INTERVAL = timedelta(seconds=1)
WOOREWARDS_CHECK_INTERVAL = timedelta(seconds=15)


def check_remotes() -> None:
    """Ping the remotes whose last check is older than `check_seconds`, in parallel: a slow one delays no other."""
    now = clock.now()
    checked_before = now - timedelta(seconds=settings.read(db.session()).check_seconds) + CHECK_INTERVAL
    times = {
        "now": now,
        "checked_before": checked_before,
        # There is nothing to compare with these, and each ping loads all of WordPress.
        "shop_checked_before": min(checked_before, now - WOOREWARDS_CHECK_INTERVAL + CHECK_INTERVAL),
        "doubt_checked_before": now - IN_DOUBT_INTERVAL,
        "doubted_after": now - received.PINGED_OFTEN,
    }
    overdue_ids = db.session.scalars(_select_overdue(), times).all()
    if overdue_ids and take_lease("check"):
        take_turns("check", overdue_ids, parallel_checks.check_one)


@cache
def _select_overdue() -> Select[int]:
    """The ids of the remotes to check. Built once, because it is executed each second."""
    now, checked_before, shop_checked_before, doubt_checked_before, doubted_after = (
        bindparam(name, type_=UtcDateTime)
        for name in ("now", "checked_before", "shop_checked_before", "doubt_checked_before", "doubted_after")
    )
    return select(Remote.id).where(
        Remote.deleted_at.is_(None),
        Remote.paused_at.is_(None),
        Remote.auth.not_in(Origin.select_blocked_auths()),
        # The couriers ping those, unless sending is stopped.
        or_(Remote.is_probing.is_(False), exists().where(Site.hold.is_not(None))),
        or_(
            Remote.checked_at.is_(None),
            Remote.checked_at <= case((Remote.is_woorewards, shop_checked_before), else_=checked_before),
            Remote.checked_at > now,
            and_(
                received.is_in_doubt(ReceivedSummary.doubted_at > doubted_after),
                Remote.checked_at <= doubt_checked_before,
            ),
        ),
    )


def ask_remotes() -> None:
    """After the start of a run, ping all remotes at once: nothing is sent before each has answered or failed."""
    due_ids = first_checks.list_due(db.session())
    if due_ids and take_lease("first checks"):
        # A fault with one remote must not keep all others waiting.
        for remote_id in parallel_checks.check_all(due_ids):
            run_in_transaction(partial(first_checks.mark_done_by_id, remote_id=remote_id))
        get_runtime().wake_couriers()


def refresh_statuses() -> None:
    """Compute and store the status of each remote, and delete closed remotes that have nothing left to send."""
    if take_lease("status"):
        _refresh(queue.list_all(db.session()))
        run_in_transaction(partial(remotes.delete_drained, now=clock.now()))


def refresh_late_statuses() -> None:
    """Do that for the remotes that are still green although what they were compared by has become too old."""
    now, check_seconds = clock.now(), settings.read(db.session()).check_seconds
    compared_before = now - timedelta(seconds=check_seconds) - COMPARISON_MARGIN
    is_in_long_doubt = received.is_in_doubt(ReceivedSummary.doubted_at < now - DOUBT_PERIOD)
    is_late = or_(Remote.compared_at < compared_before, is_in_long_doubt)
    late = queue.list_all(db.session(), Remote.status == GREEN, Remote.paused_at.is_(None), is_late)
    if late and take_lease("status"):
        _refresh(late)


def _refresh(due: Sequence[Remote]) -> None:
    """The counting happens before the transaction, so that the shop does not wait for it. A status that was stored
    meanwhile is newer, and stays.
    """
    now, current_settings = clock.now(), settings.read(db.session())
    problem = sending_problem.find(db.session())
    facts_by_remote = {
        remote.id: (remote.status_at, status_facts.load(db.session(), remote, current_settings, problem))
        for remote in due
    }
    with transaction() as session:
        for remote_id, (status_at, facts) in facts_by_remote.items():
            remote = Remote.get_for_update(session, remote_id)
            if remote is not None and remote.status_at == status_at:
                forget_future_failure(remote, now)
                check.save_status(session, remote, facts, current_settings, now)


def enqueue_backfills() -> None:
    """Create deliveries for the next part of each backfill."""
    backfill_ids = backfill.list_running(db.session())
    if not backfill_ids or not take_lease("history"):
        return
    for remote_id in backfill_ids:
        while run_in_transaction(partial(backfill.enqueue_next_chunk, remote_id=remote_id, now=clock.now())):
            get_runtime().wake_couriers()
    get_runtime().wake_couriers()


def compare_remotes() -> None:
    """Compare all movements with the remotes that do not hold what they should, in parallel."""
    due_ids = comparisons.list_due(db.session(), clock.now())
    if due_ids and take_lease("compare"):
        take_turns("compare", due_ids, _compare_one)


def compare_changes() -> None:
    """Read what sites hold of this site's changes of people, if that is not what was delivered to them."""
    due_ids = change_repair.list_due(db.session(), clock.now())
    if due_ids and take_lease("compare changes"):
        take_turns("compare changes", due_ids, _compare_changes_of)


def recount_received() -> None:
    """Count anew what was received from remotes that have delivered something else: perhaps the stored sum is wrong.

    Once for each time that a remote begins to differ, because it reads all movements of that site. The other site
    compares movement by movement meanwhile, but finds nothing if only the sum is wrong.
    """
    recounted = get_runtime().recounted
    for remote_id, auth, since in received.list_different(db.session(), clock.now()):
        if recounted.get(remote_id) == since or not take_lease("recount"):
            continue
        if wrong_sums := scrub.find_wrong_sums(db.session(), auth).keys():
            run_in_transaction(partial(scrub.correct_sums, keys=wrong_sums, now=clock.now()))
        recounted[remote_id] = since


def _compare_changes_of(remote_id: int) -> None:
    try:
        change_repair.settle(remote_id)
    except RemoteError as error:
        log.info("remote %s: comparing changes failed, %s: %s", remote_id, error.code, error.message)


def _compare_one(remote_id: int) -> None:
    try:
        walk.compare_all(remote_id, lambda: not get_runtime().stop_requested.is_set() and take_lease("compare"))
    except NotFound:
        log.info("remote %s was deleted before it was compared", remote_id)
    except RemoteError as error:
        log.info("remote %s: comparing was cut short, %s: %s", remote_id, error.code, error.message)
    get_runtime().wake_couriers()
