"""The progress of comparisons, and when the next one is due."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.outbox import get_local_auth
from pointsync.models import Comparison, Movement, Origin, Remote, Site
from pointsync.sync.comparison import differences
from pointsync.sync.protocol.ping import POINTSYNC
from pointsync.sync.remotes import backoff

MIN_PAUSE = timedelta(seconds=5)
IDLE_PAUSE = timedelta(minutes=5)
"""After a comparison that found nothing to send or to confirm, only admins can settle the rest. Until then, the same
difference is not looked for again."""


def list_due(session: Session, now: datetime) -> list[int]:
    """The remotes that do not hold what they should, and whose next comparison is due."""
    if session.scalar(select(Site.hold)) or fetch_back.is_running(session):
        return []
    rows = session.execute(
        select(Remote.id, Remote.gap, Comparison)
        .join(Comparison, Comparison.remote_id == Remote.id, isouter=True)
        .where(
            Remote.deleted_at.is_(None),
            Remote.paused_at.is_(None),
            Remote.is_probing.is_(False),
            Remote.dialect == POINTSYNC,
            Remote.is_equal_there.is_(False),
            Remote.gap.is_not(None),
            backoff.may_be_called(now, now + clock.MAX_LEAD),
            Remote.auth.not_in(Origin.select_blocked_auths()),
        )
    )
    return [remote_id for remote_id, gap, last in rows if last is None or _is_due(last, gap, now)]


def request(session: Session, remote_id: int) -> None:
    """Let the next comparison start from the beginning, without a pause."""
    comparison = session.get(Comparison, remote_id, with_for_update=True, populate_existing=True)
    if comparison:
        comparison.finished_at, comparison.after_id, comparison.compared = None, 0, 0
        session.flush()


def start(session: Session, remote_id: int, now: datetime) -> int:
    """Start a comparison, or continue one that was cut short. Return the id that the last part ended with."""
    comparison = session.get(Comparison, remote_id, with_for_update=True, populate_existing=True)
    if comparison and comparison.finished_at is None:
        return comparison.after_id
    remote = session.get_one(Remote, remote_id)
    query = (
        select(func.count())
        .select_from(Movement)
        .where(Movement.origin == get_local_auth(session), Movement.reserve_id == remote.reserve_id)
        .where(Movement.points != 0)
    )
    total = session.scalar(query) or 0
    comparison = comparison or Comparison(remote_id=remote_id)
    comparison.started_at, comparison.finished_at, comparison.total = now, None, total
    comparison.gap = remote.gap
    comparison.after_id = comparison.compared = comparison.sent_again = comparison.confirmed = 0
    session.add(comparison)
    session.flush()
    return 0


def save_progress(session: Session, remote_id: int, after_id: int, count: int, now: datetime, *, is_last: bool) -> None:
    """Save that `count` more movements, up to `after_id`, are compared."""
    comparison = session.get_one(Comparison, remote_id, with_for_update=True, populate_existing=True)
    comparison.after_id, comparison.compared = after_id, comparison.compared + count
    if is_last:
        comparison.finished_at = now
        # So that the next tick pings it: only a ping says that both sites are equal now.
        session.get_one(Remote, remote_id).checked_at = None
    session.flush()


def has_found_nothing(session: Session, remote_id: int) -> bool:
    """Whether the last comparison has found no movement in which the two sites differ."""
    last = session.get_one(Comparison, remote_id, populate_existing=True)
    return not (last.sent_again or last.confirmed or differences.count(session, remote_id))


def _is_due(last: Comparison, gap: int | None, now: datetime) -> bool:
    if last.finished_at is None or last.finished_at > now:
        return True
    has_found_everything = last.gap == gap and not (last.sent_again or last.confirmed)
    return now >= last.finished_at + (IDLE_PAUSE if has_found_everything else MIN_PAUSE)
