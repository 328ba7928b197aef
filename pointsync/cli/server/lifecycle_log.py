"""Log lines about the start and the end of `serve` and `worker`."""

import logging

from pointsync import __version__
from pointsync.cli.framework.site_context import HOLD_MESSAGE

log = logging.getLogger(__name__)


def log_started(command: str, hold: str | None) -> None:
    """Log that the process works now, and why it sends nothing if `hold` is set."""
    log.info("%s started, PointSync %s", command, __version__, extra={"version": __version__})
    if hold:
        log.warning("%s", HOLD_MESSAGE.format(hold))


def log_stopping(command: str) -> None:
    """Log that the process was asked to stop."""
    log.info("%s is stopping", command)


def log_stopped(command: str) -> None:
    """Log that all its work is finished."""
    log.info("%s stopped", command)
