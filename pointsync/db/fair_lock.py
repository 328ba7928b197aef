"""A lock for the threads of one process that starves none of them."""

import threading
from collections import deque


class FairLock:
    """A lock that is handed on in the order of asking.

    SQLite has one writer. Its own waiting is a poll with growing pauses, in which batches from other
    sites starve the shop's writes; threads of this process queue here instead.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._is_held = False
        self._queue: deque[threading.Event] = deque()

    def acquire(self, timeout_seconds: float) -> bool:
        """Take the lock; False when it was not had in time."""
        with self._mutex:
            if not self._is_held:
                self._is_held = True
                return True
            waiter = threading.Event()
            self._queue.append(waiter)
        if waiter.wait(timeout_seconds):
            return True
        with self._mutex:
            if waiter in self._queue:
                self._queue.remove(waiter)
                return False
        return True  # it was handed on between the end of the wait and the guard

    def release(self) -> None:
        """Hand the lock to whoever has waited longest."""
        with self._mutex:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._is_held = False
