"""Was a site restored from a backup? What the other side says it has from us tells, either way."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.models import Delivery, Movement, Remote, Site, State
from pointsync.sync.settings import Settings

ONCE_IN = timedelta(hours=1)
"""A remote that forgets again so soon is not restored but broken."""


def weigh(session: Session, remote: Remote, have: dict[str, Any], settings: Settings, now: datetime) -> None:
    """Compare `have`, `{count, max_id}` of what the remote holds from here, with what this site knows.

    Fewer than it has acknowledged: it was restored, and all that was delivered is sent again, which is
    harmless where it is still there. An id that was never made here: this site was restored, or runs
    twice, and sends nothing until an admin has said which.
    """
    count, max_id = have.get("count"), ids.parse_id(str(have.get("max_id")))
    if max_id is not None and not _is_ours(session, max_id, now):
        _stop(session, remote, settings, now)
    elif isinstance(count, int) and 0 <= count < remote.acknowledged:
        _send_again(session, remote, now)


def _is_ours(session: Session, max_id: int, now: datetime) -> bool:
    site = session.get_one(Site, 1, populate_existing=True)
    if max_id <= site.confirmed_id or max_id > ids.id_floor(now + ONCE_IN * 24):
        # An id from the far future was made by nobody; believing it would use up all ids.
        return True
    made = select(Movement.seq).where(Movement.origin == site.auth, Movement.id == str(max_id))
    if session.scalar(made) is not None:
        return True
    session.refresh(site, with_for_update=True)
    site.last_id = max(site.last_id, max_id)
    return False


def _stop(session: Session, remote: Remote, settings: Settings, now: datetime) -> None:
    site = session.get_one(Site, 1)
    reason = (
        f"{remote.name or remote.url} holds a movement of this site that this database does not know: it was "
        "restored from a backup, or the same site runs twice."
    )
    site.hold = site.hold or reason
    remote.attempt_code, remote.attempt_message, remote.attempt_is_permanent = "restored", reason, True
    remote.last_failure_at, remote.last_error = now, reason
    remote.is_probing = True
    remote.next_attempt_at = now + timedelta(seconds=settings.delay_seconds)


def _send_again(session: Session, remote: Remote, now: datetime) -> None:
    remote.acknowledged = 0
    if remote.restored_at and now - remote.restored_at < ONCE_IN:
        return
    remote.restored_at = now
    session.execute(
        update(Delivery)
        .where(
            Delivery.remote_id == remote.id,
            Delivery.state == State.DELIVERED,
            # What went out in another dialect may be in that shop's own books, not in a restored PointSync.
            Delivery.delivered_at >= remote.dialect_since,
        )
        .values(state=State.PENDING, attempts=0, delivered_at=None),
        execution_options={"synchronize_session": False},
    )
