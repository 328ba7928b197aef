"""What a process that stays tells of itself in the log: that it has begun, and that it ends."""

import logging

from pointsync import __version__
from pointsync.cli.framework.site_context import HELD

log = logging.getLogger(__name__)


def begun(what: str, hold: str | None) -> None:
    """It answers, or works, from now on; and why it sends nothing, where that is so."""
    log.info("%s has begun, PointSync %s", what, __version__, extra={"version": __version__})
    if hold:
        log.warning("%s", HELD.format(hold))


def ending(what: str) -> None:
    """It was asked to end."""
    log.info("%s is ending", what)


def ended(what: str) -> None:
    """All that it did is done."""
    log.info("%s has ended", what)
