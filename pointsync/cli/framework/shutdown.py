"""Ending when asked: the first signal lets what is in flight finish, a second one ends at once."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

MOST_SECONDS = 9.0
"""From the first signal to the end, whatever hangs; all that counts is in the database."""
TICK_SECONDS = 0.1

log = logging.getLogger(__name__)


class Stop:
    """Whether SIGTERM or Ctrl-C has come: a plain flag to look at, since a signal may come while any lock is held."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def wait(self, seconds: float) -> bool:
        """Wait, no longer than until it is asked to stop; whether it is."""
        end = time.monotonic() + seconds
        while not self.asked and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, TICK_SECONDS))
        return self.asked

    def with_stdin(self) -> None:
        """Stop as well once stdin ends: the process that holds its other end is gone, however it went."""

        def watch() -> None:
            while os.read(0, 1024):
                pass
            self.asked = True

        threading.Thread(target=watch, name="stdin", daemon=True).start()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.asked:
            os._exit(128 + number)
        self.asked = True


def end(*works: Callable[[], None]) -> None:
    """Do all of `works` at once and wait for them; where that takes too long, the process ends, exit code 0."""
    timer = threading.Timer(MOST_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()
    threads = [threading.Thread(target=_logged, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _logged(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        log.exception("ending was not in order")
