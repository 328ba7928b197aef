"""Wakes what waits in this process for new movements, when a transaction with some was committed."""

import threading
import time

from flask import Flask, current_app
from sqlalchemy.orm import Session

EXTENSION_KEY = "pointsync_commit_signal"
_INFO_KEY = "has_new_movements"


class CommitSignal:
    """Counts the commits of one application that have added movements. Safe from any thread."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._count = 0
        self.is_closed = False

    @property
    def count(self) -> int:
        """The number of such commits so far. Take it before you look at the database."""
        return self._count

    def notify(self) -> None:
        """Count a commit, and wake all that wait."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def wait(self, seen_count: int, seconds: float) -> None:
        """Wait until there are more commits than `seen_count`, the signal is closed, or `seconds` have passed."""
        deadline = time.monotonic() + seconds
        with self._condition:
            while self._count == seen_count and not self.is_closed:
                remaining_seconds = deadline - time.monotonic()
                if remaining_seconds <= 0 or not self._condition.wait(remaining_seconds):
                    return

    def close(self) -> None:
        """Let nobody wait any more: the server stops."""
        with self._condition:
            self.is_closed = True
            self._condition.notify_all()


def get_signal(app: Flask | None = None) -> CommitSignal:
    """The signal of `app`, by default of the current application."""
    signal: CommitSignal = (app or current_app).extensions[EXTENSION_KEY]
    return signal


def notify_at_commit(session: Session) -> None:
    """Notify the signal if the session's transaction is committed."""
    session.info[_INFO_KEY] = True


def notify_committed(session: Session) -> None:
    """Notify the signal if `notify_at_commit` was called; for the end of a committed transaction."""
    if session.info.pop(_INFO_KEY, False):
        get_signal().notify()
