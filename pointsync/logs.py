"""Logs: on stderr, one line an event, as text or JSON."""

import json
import logging
import sys
import time
from typing import Any

LEVELS = {
    "alembic": logging.WARNING,
    "apscheduler": logging.ERROR,
    "waitress": logging.WARNING,
    # It tells of each moment in which more requests wait than threads are idle.
    "waitress.queue": logging.ERROR,
}


class TextLine(logging.Formatter):
    """`moment level logger: message`, a traceback folded into the same line."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """The event, on one line."""
        lines = (line.strip() for line in super().format(record).splitlines())
        return "".join(each if each.isprintable() else "?" for each in " | ".join(lines))


class JsonLine(TextLine):
    """`{"time", "level", "logger", "message", "error"?}`."""

    def format(self, record: logging.LogRecord) -> str:
        """The event, as one JSON object."""
        event: dict[str, Any] = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            event["error"] = self.formatException(record.exc_info)
        return json.dumps(event)


def configure(log_format: str, level: int = logging.INFO) -> None:
    """Send all logs of this process to stderr, in the form that `POINTSYNC_LOG_FORMAT` names."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine() if log_format == "json" else TextLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, lowest in LEVELS.items():
        logging.getLogger(name).setLevel(lowest)


def quiet() -> None:
    """For a command that ends: what is wrong is told, what goes well is not."""
    configure("text", logging.WARNING)
