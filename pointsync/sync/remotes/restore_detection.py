"""Detecting that this site or a remote was restored from a backup, from what the remote reports to have from us."""

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.models import Delivery, DeliveryState, Movement, Remote, Site
from pointsync.sync.site.local_site import RESTORED
from pointsync.sync.site.settings import Settings

log = logging.getLogger(__name__)

MIN_RESTORE_INTERVAL = timedelta(hours=1)
"""A remote that loses movements again within this time has a problem; it was not restored twice."""
MAX_CLOCK_LEAD = timedelta(days=1)
"""How far a clock of this site may have been ahead when it made an id."""
CHUNK_SIZE = 2000


def detect_restore(
    session: Session, remote: Remote, have: dict[str, Any], acknowledged_count: int, settings: Settings, now: datetime
) -> None:
    """Compare `have`, the remote's `{count, max_id}` of this site's movements, with what this site knows.

    The remote has fewer than it had acknowledged before the call: it was restored. Everything delivered is sent again,
    which changes nothing where a movement is still there. It has an id that this database does not know: this site
    was restored or runs twice, and sends nothing until an admin confirms which. It has an id that this site cannot
    have made yet: that says nothing about this site, so it is an alarm, and sending continues.
    """
    count, max_id_text = have.get("count"), str(have.get("max_id") or "0")
    max_id = ids.parse_movement_id(max_id_text)
    if max_id_text != "0" and not _was_recorded_here(session, max_id):
        if max_id is not None and max_id <= ids.lowest_id_at(now + MAX_CLOCK_LEAD):
            _stop_sending(session, remote, max_id, settings, now)
            return
        _report_impossible_id(remote, now)
    if isinstance(count, int) and 0 <= count < min(acknowledged_count, remote.acknowledged):
        _resend_all(remote, now)


def list_running(session: Session) -> list[int]:
    """The ids of the remotes that movements are enqueued again for."""
    return list(
        session.scalars(select(Remote.id).where(Remote.again_from_id.is_not(None), Remote.deleted_at.is_(None)))
    )


def enqueue_next_chunk(session: Session, remote_id: int) -> bool:
    """Make the next delivered deliveries pending again; return whether more remain."""
    remote = Remote.get_for_update(session, remote_id)
    if remote is None or remote.again_from_id is None:
        return False
    delivery_ids = session.scalars(
        select(Delivery.id)
        .where(
            Delivery.remote_id == remote_id,
            Delivery.id >= remote.again_from_id,
            Delivery.state == DeliveryState.DELIVERED,
            Delivery.delivered_at <= remote.restored_at,
            # Deliveries in another dialect or to another reserve are not missing in this one.
            Delivery.delivered_at >= remote.counted_since,
        )
        .order_by(Delivery.id)
        .limit(CHUNK_SIZE)
    ).all()
    if delivery_ids:
        session.execute(
            update(Delivery)
            .where(Delivery.id.in_(delivery_ids))
            .values(state=DeliveryState.PENDING, attempts=0, delivered_at=None, not_before=None),
            execution_options={"synchronize_session": False},
        )
    remote.again_from_id = delivery_ids[-1] + 1 if len(delivery_ids) == CHUNK_SIZE else None
    session.flush()
    return remote.again_from_id is not None


def _was_recorded_here(session: Session, max_id: int | None) -> bool:
    site = session.get_one(Site, 1, populate_existing=True)
    if max_id is None or max_id <= site.confirmed_id:
        return max_id is not None
    query = select(Movement.seq).where(Movement.origin == site.auth, Movement.id == str(max_id))
    return session.scalar(query) is not None


def _report_impossible_id(remote: Remote, now: datetime) -> None:
    """Report an id that no clock here can have made. Accepting it would use up all ids."""
    reason = (
        f"{remote.display_name} has a movement of this site with an id that this site cannot have made yet: somebody "
        "else may have sent it with this site's Auth, or a clock was far ahead. Sending continues. Check that site's "
        "database."
    )
    log.warning("remote %s: %s", remote.id, reason, extra={"remote": remote.id})
    _set_error(remote, "bad_answer", reason, now)


def _stop_sending(session: Session, remote: Remote, max_id: int, settings: Settings, now: datetime) -> None:
    site = Site.get_for_update(session)
    site.last_id = max(site.last_id, max_id)
    reason = (
        f"{remote.display_name} has a movement of this site that this database does not know: this database was "
        "restored from a backup, or the site runs twice."
    )
    if site.hold is None:
        site.hold = reason
        log.warning("remote %s: sending stopped: %s", remote.id, reason, extra={"remote": remote.id})
    _set_error(remote, RESTORED, reason, now)
    remote.attempt_is_permanent = True
    remote.is_probing = True
    remote.next_attempt_at = now + timedelta(seconds=settings.delay_seconds)


def _resend_all(remote: Remote, now: datetime) -> None:
    if remote.restored_at and timedelta(0) <= now - remote.restored_at < MIN_RESTORE_INTERVAL:
        reason = (
            f"{remote.display_name} has fewer movements than it acknowledged, for the second time within an hour. All "
            "are sent again after an hour. Check that site's database."
        )
        _set_error(remote, "bad_answer", reason, now)
        return
    message = "remote %s has fewer movements than it acknowledged: all are sent again"
    log.warning(message, remote.id, extra={"remote": remote.id})
    remote.acknowledged = 0
    remote.restored_at, remote.again_from_id = now, 1


def _set_error(remote: Remote, code: str, reason: str, now: datetime) -> None:
    remote.attempt_code, remote.attempt_message = code, reason
    remote.last_failure_at, remote.last_error = now, reason
