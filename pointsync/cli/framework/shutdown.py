"""Stopping on a signal: the first signal lets running work finish, a second one ends the process at once."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

MAX_SHUTDOWN_SECONDS = 9.0
"""The longest time from the first signal to the end of the process. Everything that matters is in the database."""
POLL_SECONDS = 0.1

log = logging.getLogger(__name__)


class StopSignal:
    """Whether SIGTERM or Ctrl-C has come. It is a plain flag, because a signal can come while any lock is held."""

    def __init__(self) -> None:
        self.is_requested = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def wait(self, seconds: float) -> bool:
        """Wait for `seconds`, or until the signal comes; whether it has come."""
        deadline = time.monotonic() + seconds
        while not self.is_requested and (remaining_seconds := deadline - time.monotonic()) > 0:
            time.sleep(min(remaining_seconds, POLL_SECONDS))
        return self.is_requested

    def stop_at_stdin_end(self) -> None:
        """Stop also when stdin ends, which happens when the parent process ends for any reason."""

        def watch() -> None:
            while os.read(0, 1024):
                pass
            self.is_requested = True

        threading.Thread(target=watch, name="stdin", daemon=True).start()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.is_requested:
            os._exit(128 + number)
        self.is_requested = True


def shut_down(*actions: Callable[[], None]) -> None:
    """Run `actions` in parallel and wait for them. If they take too long, the process ends with exit code 0."""
    timer = threading.Timer(MAX_SHUTDOWN_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()
    threads = [threading.Thread(target=_run_logged, args=(action,), daemon=True) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _run_logged(action: Callable[[], None]) -> None:
    try:
        action()
    except Exception:
        log.exception("shutdown failed")
