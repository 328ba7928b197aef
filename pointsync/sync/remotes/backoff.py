"""How long a remote that fails is left alone, and when its attempts are used up."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.models import Delivery, Remote, State
from pointsync.sync.site.settings import Settings

LONGEST_RETRY_AFTER_SECONDS = 3600
MOST_DOUBLINGS = 12


def is_used_up(session: Session, remote: Remote, settings: Settings) -> bool:
    """Whether a delivery has had all its attempts, or as many in a row have failed, each for another one."""
    if remote.failures >= settings.max_attempts:
        return True
    used_up = select(Delivery.id).where(
        Delivery.remote_id == remote.id,
        Delivery.is_in(State.PENDING),
        Delivery.attempts > 0,
        Delivery.attempts >= settings.max_attempts,
    )
    return session.scalar(used_up.limit(1)) is not None


def wait_asked(retry_after_seconds: float | None, failures: int, settings: Settings) -> timedelta | None:
    """What a Retry-After comes to; None where none was asked.

    At most the larger of the delay and one hour; at least a time that grows with the failures in a row
    up to the delay, so that who asks for nothing again and again is not called without a pause.
    """
    if retry_after_seconds is None:
        return None
    longest = max(settings.delay_seconds, LONGEST_RETRY_AFTER_SECONDS)
    least = min(settings.delay_seconds, 2 ** min(failures, MOST_DOUBLINGS))
    return timedelta(seconds=min(max(retry_after_seconds, least), longest))
