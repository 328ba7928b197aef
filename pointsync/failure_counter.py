"""Counts failures in this process's memory, within a bound that no caller can exceed."""

import math
import threading
import time

WINDOW_SECONDS = 60.0
MAX_KEYS = 10_000
"""About 3 MB. Above it, the oldest windows are forgotten: a caller with so many addresses cannot be slowed anyway."""

Key = tuple[str, str]


class FailureCounter:
    """Failures by key, each in a window that begins with the first failure and lasts a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[Key, tuple[float, int]] = {}  # when it began, and its failures; the oldest comes first

    def count(self, key: Key, limit: int) -> int:
        """Count a failure. Return 0, or the seconds until the window ends if it already had `limit` failures."""
        now = time.monotonic()
        with self._lock:
            self._forget_old(now)
            began_at, failures = self._windows.get(key, (now, 0))
            if failures >= limit:
                return max(1, math.ceil(began_at + WINDOW_SECONDS - now))
            self._windows[key] = (began_at, failures + 1)
            return 0

    def clear(self) -> None:
        """Forget all failures."""
        with self._lock:
            self._windows.clear()

    def _forget_old(self, now: float) -> None:
        while self._windows:
            oldest = next(iter(self._windows))
            if len(self._windows) < MAX_KEYS and now - self._windows[oldest][0] < WINDOW_SECONDS:
                return
            del self._windows[oldest]
