"""Fetching from one remote, page after page. It can stop anywhere and continues there; nothing is recorded yet."""

import logging
from datetime import datetime, timedelta
from functools import partial
from time import monotonic

from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.db import run_in_transaction
from pointsync.db.upsert import insert_or_ignore
from pointsync.ledger.fetch_back.placement import is_same, load_own
from pointsync.models import FetchState, Origin, Remote, RemoteFetch, ReturnedMovement, Site
from pointsync.runtime import get_runtime
from pointsync.sync.fetch_back import changes
from pointsync.sync.fetch_back.page import FetchedPage, fetch_page
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.protocol.request import Target
from pointsync.sync.remotes import check
from pointsync.sync.remotes.target import load_target
from pointsync.sync.site import local_site
from pointsync.text_limits import MAX_MESSAGE_LENGTH

log = logging.getLogger(__name__)

MAX_TURN_SECONDS = 15
"""No page begins later in one tick, so that the tick's lease does not end during a call."""
RETRY_DELAY = timedelta(seconds=10)
MAX_RETRY_DELAY = timedelta(hours=1)


def fetch_remote(remote_id: int) -> None:
    """Fetch the next pages from a remote. A failed call is stored with the fetch: nothing is raised."""
    stop_requested, deadline = get_runtime().stop_requested, monotonic() + MAX_TURN_SECONDS
    while not stop_requested.is_set() and monotonic() < deadline:
        after = _load_position(db.session(), remote_id)
        if after is None:
            return
        try:
            page = _call(remote_id, after)
            if page is None:
                continue
        except RemoteError as error:
            run_in_transaction(partial(_save_failure, remote_id=remote_id, error=error, now=clock.now()))
            return
        run_in_transaction(partial(save_page, remote_id=remote_id, after=after, page=page, now=clock.now()))


def _load_position(session: Session, remote_id: int) -> int | None:
    """After which id the next page starts; None if everything was fetched."""
    session.rollback()
    fetch = session.get(RemoteFetch, remote_id)
    return None if fetch is None or fetch.finished_at else fetch.after_id


def _call(remote_id: int, after: int) -> FetchedPage | None:
    """Fetch one page, outside any transaction; None if that was one of changes of people, which come first.

    A remote that was never reached is pinged first. Raises RemoteError.
    """
    state, session = get_runtime(), db.session()
    remote = session.get_one(Remote, remote_id, populate_existing=True)
    if remote.paused_at:
        raise RemoteError("paused", "This remote is paused. Resume it, or continue without it.")
    if Origin.is_blocked(session, remote.auth):
        raise RemoteError("blocked", "This site is blocked. Unblock it, or continue without it.")
    target = load_target(session, remote, state.vault)
    if target.keys.pinned is None or target.dialect is None:
        target = _ping_first(remote_id)
    if changes.fetch_next(remote_id, target):
        return None
    session, now = db.session(), clock.now()
    identity = local_site.load_identity(session, state.vault, state.config, now)
    db.session.remove()
    return fetch_page(state.client, identity, target, after, now)


def _ping_first(remote_id: int) -> Target:
    """Ping the remote, which pins its key. Raises RemoteError if that fails."""
    ping_result = check.check_remote(remote_id)
    if not ping_result.is_ok:
        raise RemoteError(ping_result.code, ping_result.message)
    session = db.session()
    remote = session.get_one(Remote, remote_id, populate_existing=True)
    target = load_target(session, remote, get_runtime().vault)
    if target.keys.pinned is None:
        raise RemoteError(
            "not_pinned", f"{remote.display_name} speaks only the WooRewards dialect: it returns nothing."
        )
    return target


def save_page(session: Session, remote_id: int, after: int, page: FetchedPage, now: datetime) -> None:
    """Save the movements of a page that are not here, or not with this content, and where the next page starts.

    No id of them is given to a new movement from now on. Does nothing if another worker has saved the page.
    """
    remote = Remote.get_for_update(session, remote_id)
    fetch = session.get(RemoteFetch, remote_id, with_for_update=True, populate_existing=True)
    if remote is None or fetch is None or fetch.after_id != after or fetch.finished_at:
        return
    own = load_own(session, [each.id for each in page.movements])
    missing = [
        each
        for each in page.movements
        if each.id not in own or not is_same(own[each.id], each.digest, remote.reserve_id)
    ]
    insert_or_ignore(
        session,
        ReturnedMovement,
        [
            {
                "remote_id": remote_id,
                "movement_id": each.id,
                "reserve_id": remote.reserve_id,
                "customer": each.customer,
                "points": each.points,
                "kind": each.kind,
                "reason": each.reason,
                "at": each.at,
                "ref": each.ref,
                "source": each.source,
                "digest": each.digest,
                "is_altered": each.is_altered,
                "problem": None,
            }
            for each in missing
        ],
    )
    if missing:
        site = Site.get_for_update(session)
        site.last_id = max(site.last_id, *(each.id for each in missing))
    if page.unreadable_count:
        log.warning("remote %s returned %s movements that cannot be read", remote_id, page.unreadable_count)
    fetch.received += len(page.movements) + page.unreadable_count
    fetch.total = max(page.held_count, fetch.received)
    fetch.returned += len(missing)
    fetch.unreadable += page.unreadable_count
    fetch.message, fetch.next_at, fetch.is_unable = None, None, False
    fetch.after_id = page.next_after or fetch.after_id
    if page.next_after is None:
        fetch.finished_at, fetch.total = now, fetch.received
    session.flush()


def _save_failure(session: Session, remote_id: int, error: RemoteError, now: datetime) -> None:
    fetch = session.get(RemoteFetch, remote_id, with_for_update=True, populate_existing=True)
    if fetch is None or fetch.finished_at:
        return
    fetch.message = error.message[:MAX_MESSAGE_LENGTH]
    fetch.is_unable = error.is_unknown_endpoint
    if fetch.is_unable:
        fetch.message = "Its PointSync is too old to return movements. Upgrade it there, or continue without it."
        if fetch.state == FetchState.SKIPPED:
            fetch.finished_at = now
    retry_after = timedelta(seconds=min(error.retry_after_seconds or 0, MAX_RETRY_DELAY.total_seconds()))
    fetch.next_at = now + max(RETRY_DELAY, retry_after)
    session.flush()
