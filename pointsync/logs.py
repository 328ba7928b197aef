"""Logs: on stderr, one line an event, as text or JSON.

An event names what it is about by `extra`: `remote`, `movement`, `admin`, … hold ids. Never a secret, nor a customer's
e-mail address: a log is read, copied and kept by more people than a database.
"""

import json
import logging
import re
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


_ADDRESS = re.compile(r"[^\s'\"<>(),;|]{1,254}(?:@|%40)[^\s'\"<>(),;|]{1,254}")
_SECRET = re.compile(r"\b(wrs|psk|whsec)_[\w-]+")


def hide(text: str) -> str:
    """`text` without what looks like an e-mail address, a URL with a password in it, a Pass or an API key.

    Nothing of ours logs one; but what another site has answered is logged as well.
    """
    if "@" in text or "%40" in text:  # few lines have one, and looking for it takes long
        text = _ADDRESS.sub("…@…", text)
    return _SECRET.sub(r"\1_…", text)


class TextLine(logging.Formatter):
    """`moment level logger: message`, a traceback folded into the same line."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """The event, on one line."""
        lines = (line.strip() for line in hide(super().format(record)).splitlines())
        return "".join(each if each.isprintable() else "?" for each in " | ".join(lines))


_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; what else one has, by `extra`, are the event's own fields."""


class JsonLine(TextLine):
    """`{"time", "level", "logger", "message", …, "error"?}`, with the event's own fields, such as `remote`."""

    def format(self, record: logging.LogRecord) -> str:
        """The event, as one JSON object."""
        event: dict[str, Any] = {name: value for name, value in vars(record).items() if name not in _PLAIN}
        event |= {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": hide(record.getMessage()),
        }
        if record.exc_info:
            event["error"] = hide(self.formatException(record.exc_info))
        return json.dumps(event, default=str)


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
