"""How long a failing remote is left alone, and when its attempts are used up."""

from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import ColumnElement, Select, bindparam, or_, select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.models import Delivery, DeliveryState, Remote
from pointsync.sync.site.settings import Settings

TimeOrParameter = datetime | ColumnElement[datetime]
"""A time, or a parameter for one."""
MAX_RETRY_AFTER_SECONDS = 3600
MAX_DOUBLINGS = 12


def is_waiting(remote: Remote, now: datetime) -> bool:
    """Whether a remote is left alone until its next attempt. The wait began with its last failure."""
    return clock.is_waiting(remote.last_failure_at, remote.next_attempt_at, now)


def may_be_called(now: TimeOrParameter, latest: TimeOrParameter) -> ColumnElement[bool]:
    """The same for queries: that a remote is not left alone. A failure after `latest`, which is `clock.MAX_LEAD` later,
    is from before the clock was set back."""
    next_attempt_at = Remote.next_attempt_at
    return or_(next_attempt_at.is_(None), next_attempt_at <= now, Remote.last_failure_at > latest)


def forget_future_failure(remote: Remote, now: datetime) -> None:
    """If the clock was set back since the last failure, count from now: its wait is over, and the warning about it
    ends when it should. Call it before another failure is saved."""
    if remote.last_failure_at and remote.last_failure_at > now + clock.MAX_LEAD:
        remote.last_failure_at, remote.next_attempt_at = now, None


def has_used_up_attempts(session: Session, remote: Remote, settings: Settings) -> bool:
    """Whether one delivery has used up its attempts, or that many attempts failed in a row for any deliveries."""
    keys = {"remote_id": remote.id, "max_attempts": settings.max_attempts}
    return remote.failures >= settings.max_attempts or session.scalar(select_used_up(), keys) is not None


@cache
def select_used_up() -> Select[int]:
    """A delivery of `remote_id` that has used up its `max_attempts`. Built once, because each ping executes it."""
    query = select(Delivery.id).where(
        Delivery.remote_id == bindparam("remote_id"),
        Delivery.state_condition(DeliveryState.PENDING),
        Delivery.attempts > 0,
        Delivery.attempts >= bindparam("max_attempts"),
    )
    return query.limit(1)


def bounded_retry_after(retry_after_seconds: float | None, failure_count: int, settings: Settings) -> timedelta | None:
    """The delay for a Retry-After header; None if there was none.

    The maximum is the larger of the delay setting and one hour. The minimum doubles with each failure in a row, up to
    the delay setting, so that a remote which keeps asking for no delay is not called without a pause.
    """
    if retry_after_seconds is None:
        return None
    max_seconds = max(settings.delay_seconds, MAX_RETRY_AFTER_SECONDS)
    min_seconds = min(settings.delay_seconds, 2 ** min(failure_count, MAX_DOUBLINGS))
    return timedelta(seconds=min(max(retry_after_seconds, min_seconds), max_seconds))
