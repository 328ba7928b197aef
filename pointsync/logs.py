"""Logging to stderr, one line per event, as text or JSON.

Events have their ids in `extra`, such as `remote`, `movement` or `admin`. They never contain secrets or customers'
e-mail addresses, because more people read and keep logs than databases.
"""

import json
import logging
import re
import sys
import time
from typing import Any, TextIO

LEVELS = {
    "alembic": logging.WARNING,
    "apscheduler": logging.ERROR,
    "waitress": logging.WARNING,
    # It warns whenever more requests are waiting than threads are idle.
    "waitress.queue": logging.ERROR,
}


_EMAIL_ADDRESS = re.compile(r"[^\s'\"<>(),;|]{1,254}(?:@|%40)[^\s'\"<>(),;|]{1,254}")
_SECRET = re.compile(r"\b(wrs|psk|whsec)_[\w-]+")


def redact(text: str) -> str:
    """`text` without what looks like an e-mail address, a URL with a password, a Pass or an API key.

    Our own messages contain none of these, but answers of other sites may.
    """
    if "@" in text or "%40" in text:  # most lines have none, and the search is slow
        text = _EMAIL_ADDRESS.sub("…@…", text)
    return _SECRET.sub(r"\1_…", text)


class TextFormatter(logging.Formatter):
    """`time level logger: message`, with a traceback on the same line."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """The event, on one line."""
        lines = (line.strip() for line in redact(super().format(record)).splitlines())
        return "".join(each if each.isprintable() else "?" for each in " | ".join(lines))


_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""The fields of every record; other fields come from `extra`."""


class JsonFormatter(TextFormatter):
    """`{"time", "level", "logger", "message", …, "error"?}`, with the fields from `extra`, such as `remote`."""

    def format(self, record: logging.LogRecord) -> str:
        """The event, as one JSON object."""
        log_event: dict[str, Any] = {
            name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS
        }
        log_event |= {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            log_event["error"] = redact(self.formatException(record.exc_info))
        return json.dumps(log_event, default=str)


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to stderr. Lines that it does not take, because its disk is full or nobody reads it, are lost."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Report errors in our own messages only."""
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


def configure(log_format: str, level: int = logging.INFO) -> None:
    """Send all logs of this process to stderr; `log_format` is `POINTSYNC_LOG_FORMAT`."""
    handler = _StderrHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, min_level in LEVELS.items():
        logging.getLogger(name).setLevel(min_level)


def configure_for_command() -> None:
    """Log only warnings and errors, as text, for commands that end."""
    configure("text", logging.WARNING)
