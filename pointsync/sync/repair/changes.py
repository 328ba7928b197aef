"""Settling a difference in the changes of people: read what a site holds of this one, and send what is missing there.

There are few changes, so all are read, whatever differs.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.db import run_in_transaction
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.people import deliveries
from pointsync.ledger.people.changes.receive import ReceivedChange
from pointsync.models import ChangeDelivery, CustomerChange, DeliveryState, Origin, Remote, Site
from pointsync.runtime import get_runtime
from pointsync.sync.protocol import fetch_changes
from pointsync.sync.remotes import backoff
from pointsync.sync.remotes.target import load_target
from pointsync.sync.site import local_site

PAUSE = timedelta(minutes=1)
"""Between two readings, unless the first one settled the difference."""
MAX_PAGES = 1000


def list_due(session: Session, now: datetime) -> list[int]:
    """One remote for each site that does not hold the changes that it should, and was not read for a while."""
    if session.scalar(select(Site.hold)) or fetch_back.is_running(session):
        return []
    read_at = Remote.changes_read_at
    rows = session.execute(
        select(Remote.id, Remote.auth)
        .where(
            Remote.deleted_at.is_(None),
            Remote.paused_at.is_(None),
            Remote.is_probing.is_(False),
            Remote.takes_changes,
            Remote.are_changes_equal_there.is_(False),
            or_(read_at.is_(None), read_at <= now - PAUSE, read_at > now + clock.MAX_LEAD),
            backoff.may_be_called(now, now + clock.MAX_LEAD),
            Remote.auth.not_in(Origin.select_blocked_auths()),
        )
        .order_by(Remote.id)
    )
    return list({auth: remote_id for remote_id, auth in rows}.values())


def settle(remote_id: int) -> None:
    """Read all of this site's changes that the remote's site holds, and settle what differs. Raises RemoteError."""
    runtime, session, now = get_runtime(), db.session(), clock.now()
    remote = session.get_one(Remote, remote_id, populate_existing=True)
    target = load_target(session, remote, runtime.vault)
    identity = local_site.load_identity(session, runtime.vault, runtime.config, now)
    db.session.remove()
    run_in_transaction(partial(_save_reading, auth=target.auth, now=now))  # also if it fails
    held: list[ReceivedChange] = []
    unreadable_count, after = 0, 0
    for _ in range(MAX_PAGES):
        page = fetch_changes.fetch_page(runtime.client, identity, target, after, clock.now())
        held += page.changes
        unreadable_count += page.unreadable_count
        if page.next_after is None:
            break
        after = page.next_after
    run_in_transaction(
        partial(_settle, auth=target.auth, held=held, unreadable_count=unreadable_count, now=clock.now())
    )
    runtime.wake_couriers()


def _save_reading(session: Session, auth: str, now: datetime) -> None:
    for remote in _lock_remotes(session, auth):
        remote.changes_read_at = now
    session.flush()


def _settle(session: Session, auth: str, held: Sequence[ReceivedChange], unreadable_count: int, now: datetime) -> None:
    remotes = _lock_remotes(session, auth)  # before deliveries, as by everybody who sends
    own = _load_own(session, auth)
    there = {each.change.id: each.digest for each in held}
    missing = [seq for key, (seq, _, state) in own.items() if key not in there and state == DeliveryState.DELIVERED]
    arrived = [
        seq
        for key, (seq, digest, state) in own.items()
        if there.get(key) == digest and state != DeliveryState.DELIVERED
    ]
    deliveries.send_again(session, auth, missing)
    deliveries.mark_delivered(session, auth, arrived, now)
    strange_count = sum(key not in own or own[key][1] != digest for key, digest in there.items()) + unreadable_count
    for remote in remotes:
        remote.strange_changes = strange_count
        remote.checked_at = None  # so that it is compared again now
    session.flush()


def _load_own(session: Session, auth: str) -> dict[str, tuple[int, int, str | None]]:
    """By id, of each of this site's changes: seq, digest, and the state of its delivery to that site."""
    is_to_site = (ChangeDelivery.change_seq == CustomerChange.seq) & (ChangeDelivery.auth == auth)
    query = (
        select(CustomerChange.id, CustomerChange.seq, CustomerChange.digest, ChangeDelivery.state)
        .join(Site, Site.auth == CustomerChange.origin)
        .join(ChangeDelivery, is_to_site, isouter=True)
    )
    return {row[0]: (row[1], row[2], row[3]) for row in session.execute(query)}


def _lock_remotes(session: Session, auth: str) -> Sequence[Remote]:
    query = select(Remote).where(Remote.auth == auth, Remote.deleted_at.is_(None)).order_by(Remote.id)
    locked = query.with_for_update(of=Remote, key_share=True).execution_options(populate_existing=True)
    return session.scalars(locked).all()
