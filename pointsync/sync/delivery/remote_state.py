"""What a call says about its remote as a whole, whatever it carried."""

from datetime import datetime

from pointsync.models import Remote
from pointsync.sync.delivery.batch import BatchFailed
from pointsync.sync.remotes.status import OK_CHECK_CODES
from pointsync.text_limits import MAX_MESSAGE_LENGTH


def save_success(remote: Remote, clock_offset_seconds: float, now: datetime) -> None:
    """The remote answered, so its earlier failures are over."""
    remote.failures = 0
    remote.is_probing = False
    remote.next_attempt_at = None
    remote.attempt_code, remote.attempt_message, remote.attempt_is_permanent = "ok", None, False
    if remote.check_code not in OK_CHECK_CODES:
        remote.check_code, remote.check_message, remote.check_is_permanent = "ok", None, False
    remote.last_success_at = now
    remote.clock_offset_seconds = clock_offset_seconds


def save_failure(remote: Remote, failure: BatchFailed, now: datetime) -> None:
    """Count a failed call. The caller decides until when the remote is left alone."""
    remote.failures += 1
    remote.attempt_code, remote.attempt_message = failure.code, failure.message[:MAX_MESSAGE_LENGTH]
    remote.attempt_is_permanent = failure.is_permanent
    remote.last_failure_at, remote.last_error = now, failure.message[:MAX_MESSAGE_LENGTH]
