"""How long a failing remote is left alone, and when its attempts are used up."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.models import Delivery, DeliveryState, Remote
from pointsync.sync.site.settings import Settings

MAX_RETRY_AFTER_SECONDS = 3600
MAX_DOUBLINGS = 12


def has_used_up_attempts(session: Session, remote: Remote, settings: Settings) -> bool:
    """Whether one delivery has used up its attempts, or that many attempts failed in a row for any deliveries."""
    if remote.failures >= settings.max_attempts:
        return True
    query = select(Delivery.id).where(
        Delivery.remote_id == remote.id,
        Delivery.state_condition(DeliveryState.PENDING),
        Delivery.attempts > 0,
        Delivery.attempts >= settings.max_attempts,
    )
    return session.scalar(query.limit(1)) is not None


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
