"""A lock for the threads of one process that is fair to all of them."""

import threading
from collections import deque


class FairLock:
    """A lock that threads get in the order in which they asked for it.

    SQLite allows one writer. It waits by polling with growing pauses, so large batches from other sites could
    keep the shop waiting. Threads of this process queue here instead.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._is_held = False
        self._queue: deque[threading.Event] = deque()

    def acquire(self, timeout_seconds: float) -> bool:
        """Take the lock; returns False on a timeout."""
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
        return True  # the lock arrived between the timeout and taking the mutex

    def release(self) -> None:
        """Hand the lock to the thread that has waited longest."""
        with self._mutex:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._is_held = False
