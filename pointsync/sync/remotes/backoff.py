"""How long a remote that fails is left alone, and when its attempts are used up."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.models import Delivery, DeliveryState, Remote
from pointsync.sync.site.settings import Settings

MAX_RETRY_AFTER_SECONDS = 3600
MAX_DOUBLINGS = 12


def has_used_up_attempts(session: Session, remote: Remote, settings: Settings) -> bool:
    """Whether a delivery has had all its attempts, or as many in a row have failed, each for another one."""
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
    """What a Retry-After comes to; None where none was asked.

    At most the larger of the delay and one hour; at least a time that grows with the failures in a row
    up to the delay, so that who asks for nothing again and again is not called without a pause.
    """
    if retry_after_seconds is None:
        return None
    max_seconds = max(settings.delay_seconds, MAX_RETRY_AFTER_SECONDS)
    min_seconds = min(settings.delay_seconds, 2 ** min(failure_count, MAX_DOUBLINGS))
    return timedelta(seconds=min(max(retry_after_seconds, min_seconds), max_seconds))
