"""What remotes hold in place of this site's movements that differ, so that admins see both values."""

import logging
from collections.abc import Iterable
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.models import Difference
from pointsync.runtime import get_runtime
from pointsync.sync.comparison import differences
from pointsync.sync.comparison.differences import ALTERED_THERE, SAME_ID
from pointsync.sync.fetch_back.page import FetchedMovement, fetch_page
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.remotes import remotes
from pointsync.sync.remotes.target import load_target
from pointsync.sync.site import local_site

log = logging.getLogger(__name__)

MAX_CALLS = 20
"""A call returns up to 1,000 movements that follow each other."""


def fetch(remote_id: int, movement_ids: Iterable[int], max_calls: int = MAX_CALLS) -> dict[int, FetchedMovement]:
    """What the remote holds under these ids, by id. Raises RemoteError.

    Without those that it does not return, and without the last ones if they need more calls.
    """
    wanted, found = sorted(set(movement_ids)), dict[int, FetchedMovement]()
    for _ in range(max_calls):
        if not wanted:
            break
        state, session, now = get_runtime(), db.session(), clock.now()
        target = load_target(session, remotes.get(session, remote_id), state.vault)
        identity = local_site.load_identity(session, state.vault, state.config, now)
        db.session.remove()
        page = fetch_page(state.client, identity, target, wanted[0] - 1, now)
        found |= {each.id: each for each in page.movements if each.id in wanted}
        read_until = wanted[-1] if page.next_after is None else max(page.next_after, wanted[0])
        wanted = [each for each in wanted if each > read_until]
    return found


def refresh(remote_id: int, limit: int = differences.MAX_LISTED, max_calls: int = MAX_CALLS) -> None:
    """Fetch and store what the remote holds for the first differences. If it does not answer, nothing changes."""
    listed_ids = [int(each.movement_id) for each in differences.list_all(db.session(), remote_id, limit)]
    if not listed_ids:
        return
    try:
        found = fetch(remote_id, listed_ids, max_calls)
    except RemoteError as error:
        log.info("remote %s did not return the movements that differ, %s: %s", remote_id, error.code, error.message)
        return
    db.run_in_transaction(partial(_save, remote_id=remote_id, movement_ids=listed_ids, found=found))


def _save(session: Session, remote_id: int, movement_ids: list[int], found: dict[int, FetchedMovement]) -> None:
    query = select(Difference).where(Difference.remote_id == remote_id).with_for_update()
    for difference in session.scalars(query):
        if int(difference.movement_id) not in movement_ids:
            continue
        there = found.get(int(difference.movement_id))
        difference.there_customer = there.customer if there else None
        difference.there_points = there.points if there else None
        if difference.kind == ALTERED_THERE and there and not there.is_altered:
            difference.kind = SAME_ID
    session.flush()
