"""Fetching this site's changes of people back from one remote, before its movements."""

import logging
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from pointsync import clock, db, ids
from pointsync.db import run_in_transaction
from pointsync.ledger.people.changes.receive import take_back
from pointsync.models import Remote, RemoteFetch
from pointsync.runtime import get_runtime
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.protocol.fetch_changes import ChangePage, fetch_page
from pointsync.sync.protocol.request import Target
from pointsync.sync.site import local_site

log = logging.getLogger(__name__)

MAX_CLOCK_LEAD = timedelta(days=1)
"""How far a clock of this site may have been ahead when it made an id. A higher id would use up all ids."""


def fetch_next(remote_id: int, target: Target) -> bool:
    """Fetch and record the next page. Return whether there was one to fetch. Raises RemoteError.

    The order in which sites return changes makes no difference, so each page is recorded at once.
    """
    session, now = db.session(), clock.now()
    fetch = session.get(RemoteFetch, remote_id, populate_existing=True)
    if fetch is None or fetch.are_changes_fetched:
        return False
    after, runtime = fetch.change_after_id, get_runtime()
    identity = local_site.load_identity(session, runtime.vault, runtime.config, now)
    db.session.remove()
    try:
        page = fetch_page(runtime.client, identity, target, after, now)
    except RemoteError as error:
        if not error.is_unknown_endpoint:
            raise
        page = ChangePage([], 0, None)  # an earlier version, which has no changes
    run_in_transaction(partial(_save_page, remote_id=remote_id, after=after, page=page, now=clock.now()))
    return True


def _save_page(session: Session, remote_id: int, after: int, page: ChangePage, now: datetime) -> None:
    remote = Remote.get_for_update(session, remote_id)
    fetch = session.get(RemoteFetch, remote_id, with_for_update=True, populate_existing=True)
    if remote is None or fetch is None or fetch.are_changes_fetched or fetch.change_after_id != after:
        return
    highest = ids.lowest_id_at(now + MAX_CLOCK_LEAD)
    returned = [each for each in page.changes if int(each.change.id) <= highest]
    unreadable_count = page.unreadable_count + len(page.changes) - len(returned)
    if unreadable_count:
        log.warning("remote %s returned %s changes of customers that cannot be read", remote_id, unreadable_count)
    lost_count = take_back(session, remote.auth, returned, now)
    log.info("remote %s returned %s changes of customers, %s were lost", remote_id, len(returned), lost_count)
    fetch.unreadable += unreadable_count
    fetch.change_after_id = page.next_after or after
    fetch.are_changes_fetched = page.next_after is None
    session.flush()
