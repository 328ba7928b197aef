"""Keeps the server reachable, however many connections are open, however slowly they send, and however much."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from pointsync.cli.server.connection import NO_ROOM, REQUEST_TIMEOUT, Connection

MAX_CONNECTIONS = 500
MAX_HELD_BYTES = 32 * 1024 * 1024
"""Requests that are being received or wait for a thread, all together. A shop's orders above 1 MB are on the disk,
and count as well. Admins' uploads do not."""
SPARE_SHARE = 0.05
"""How much room is made at once, because choosing takes time."""
CHECK_INTERVAL_SECONDS = 0.05
LOG_INTERVAL_SECONDS = 60.0

log = logging.getLogger(__name__)


class ConnectionGuard:
    """Closes the connections that are past their deadline, and those that cost most when there are too many.

    The server never stops accepting. Above a bound, it closes the connection that has waited longest for the rest of
    its request, first of the caller with most of them. So one caller cannot keep out the others, and those who send
    a request at once are not affected.
    """

    def __init__(self, dispatchers: dict[int, Any], max_connections: int, max_held_bytes: int) -> None:
        self._dispatchers = dispatchers
        self._max_connections, self._max_held_bytes = max_connections, max_held_bytes
        self._checked_at = 0.0
        self._logged_at = -LOG_INTERVAL_SECONDS
        self._dropped_count = 0

    def enforce(self) -> None:
        """Close what has to be closed. The server's loop calls this after each turn."""
        now = time.monotonic()
        if len(self._dispatchers) <= self._max_connections and now - self._checked_at < CHECK_INTERVAL_SECONDS:
            return
        self._checked_at = now
        connections = [each for each in list(self._dispatchers.values()) if isinstance(each, Connection)]
        waiting = [each for each in connections if not _close_if_expired(each, now)]
        self._bound(waiting, self._max_connections, lambda _connection: 1)
        self._bound(waiting, self._max_held_bytes, lambda connection: connection.held_bytes)
        self._log_dropped(now)

    def _bound(self, connections: list[Connection], limit: int, measure: Callable[[Connection], int]) -> None:
        """If `connections` weigh more than `limit`, drop some and remove them from the list."""
        weights = {connection: measure(connection) for connection in connections}
        total = sum(weights.values())
        if total <= limit:
            return
        by_caller: Counter[str] = Counter()
        for connection, weight in weights.items():
            by_caller[connection.caller] += weight
        candidates = [each for each, weight in weights.items() if weight and each.can_be_dropped]
        while candidates and total > limit * (1 - SPARE_SHARE):
            dropped = max(candidates, key=lambda each: (by_caller[each.caller], -each.waiting_since))
            total -= weights[dropped]
            by_caller[dropped.caller] -= weights[dropped]
            candidates.remove(dropped)
            connections.remove(dropped)
            dropped.drop(NO_ROOM)
            self._dropped_count += 1

    def _log_dropped(self, now: float) -> None:
        if self._dropped_count and now - self._logged_at >= LOG_INTERVAL_SECONDS:
            log.warning(
                "%s waiting connections were closed to make room for others: somebody may be flooding this site",
                self._dropped_count,
                extra={"closed": self._dropped_count},
            )
            self._dropped_count, self._logged_at = 0, now


def _close_if_expired(connection: Connection, now: float) -> bool:
    deadline = connection.deadline
    if deadline is None or now < deadline:
        return False
    connection.drop(REQUEST_TIMEOUT)
    return True
