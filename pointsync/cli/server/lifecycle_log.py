"""What a process that stays tells of itself in the log: that it has begun, and that it ends."""

import logging

from pointsync import __version__
from pointsync.cli.framework.site_context import HOLD_MESSAGE

log = logging.getLogger(__name__)


def log_started(command: str, hold: str | None) -> None:
    """It answers, or works, from now on; and why it sends nothing, where that is so."""
    log.info("%s has begun, PointSync %s", command, __version__, extra={"version": __version__})
    if hold:
        log.warning("%s", HOLD_MESSAGE.format(hold))


def log_stopping(command: str) -> None:
    """It was asked to end."""
    log.info("%s is ending", command)


def log_stopped(command: str) -> None:
    """All that it did is done."""
    log.info("%s has ended", command)
