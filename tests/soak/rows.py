"""What the sites' databases contain, read beside their processes, and where two of them differ.

This knows nothing of digests, sums or statuses: it compares the rows themselves.
"""

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TypeVar

from pointsync.models.movement import SENT_KINDS

Content = tuple[int, str]
"""A movement's points and customer."""
BUSY_SECONDS = 5
START_SECONDS = 20
"""How long a site's process may take to start."""

Result = TypeVar("Result")

LINES_SQL = "SELECT auth, status, status_at, status_text FROM remote WHERE deleted_at IS NULL"
PENDING_SQL = (
    "SELECT remote.auth, delivery.id FROM delivery JOIN remote ON remote.id = remote_id WHERE state = 'pending'"
)
UNDELIVERED_SQL = (
    "SELECT remote.auth, movement.id FROM delivery JOIN remote ON remote.id = remote_id "
    "JOIN movement ON seq = movement_seq WHERE state IN ('pending', 'unknown', 'failed', 'aside')"
)
FACTS_SQL = (
    "SELECT strftime('%H:%M:%f'), status_at, status_text, checked_at, check_code, compared_at, is_equal_there, "
    "is_equal_here, equal_at, doubted_at, (SELECT count(*) FROM movement_change) AS unread "
    "FROM remote LEFT JOIN holding "
    "ON origin = auth AND holding.reserve_id = remote.reserve_id WHERE deleted_at IS NULL AND auth = ?"
)
"""What a site knows about a remote, for people who look for the cause of a wrong status."""
MOVEMENTS_SQL = "SELECT origin, id, points, customer_id, kind FROM movement WHERE points <> 0"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a site's remote list: what is stored, and what is seen of it."""

    status: str
    stored_at: str
    text: str


@dataclass(slots=True)
class Holdings:
    """What a site holds of each origin, and what it has not delivered yet."""

    by_origin: dict[str, dict[str, Content]] = field(default_factory=dict)
    """Movements of kinds that are sent, by origin and id."""
    undelivered: dict[str, set[str]] = field(default_factory=dict)
    """By remote, the ids of own movements that it need not have."""

    def of(self, origin: str) -> dict[str, Content]:
        """The movements of one origin, by id."""
        return self.by_origin.get(origin, {})


class SiteReader:
    """Reads one site's SQLite file. Close it while the file is replaced."""

    def __init__(self, database: Path) -> None:
        self._path = f"file:{database}?mode=ro"
        self._connection: sqlite3.Connection | None = None
        self._emails: dict[int, str] = {}

    def close(self) -> None:
        """Close the file; the next reading opens it again."""
        if self._connection:
            self._connection.close()
            self._connection = None
            self._emails.clear()

    def read_lines(self) -> tuple[dict[str, Line], dict[str, set[int]]]:
        """The remote list, and the ids of the pending deliveries; both by the Auth of the other site."""
        return self._repeat(self._read_lines)

    def read_holdings(self) -> Holdings:
        """All movements, in one snapshot."""
        return self._repeat(self._read_holdings)

    def describe(self, other: str) -> str:
        """What the site knows about a remote at the moment."""
        cursor = self._open().execute(FACTS_SQL, (other,))
        names = [each[0] for each in cursor.description]
        return "; ".join(str(dict(zip(names, row, strict=True))) for row in cursor)

    def _repeat(self, read: Callable[[], Result]) -> Result:
        """Read again in a new connection if SQLite cannot: while no process of the site runs, nobody keeps the file's
        shared memory, which a reader cannot create; and while the file is put back, it is no database."""
        pause, deadline = threading.Event(), monotonic() + START_SECONDS
        while True:
            try:
                return read()
            except sqlite3.DatabaseError:
                self.close()
                if monotonic() > deadline:
                    raise
                pause.wait(0.1)

    def _read_lines(self) -> tuple[dict[str, Line], dict[str, set[int]]]:
        lines = {auth: Line(*rest) for auth, *rest in self._query(LINES_SQL)}
        pending: dict[str, set[int]] = {auth: set() for auth in lines}
        for auth, delivery_id in self._query(PENDING_SQL):
            pending.setdefault(auth, set()).add(delivery_id)
        return lines, pending

    def _read_holdings(self) -> Holdings:
        holdings = Holdings()
        connection = self._open()
        connection.execute("BEGIN")
        rows = self._query(MOVEMENTS_SQL)
        for auth, movement_id in self._query(UNDELIVERED_SQL):
            holdings.undelivered.setdefault(auth, set()).add(movement_id)
        if not all(row[3] in self._emails for row in rows):
            self._emails = dict(self._query("SELECT id, email FROM customer"))
        connection.execute("ROLLBACK")
        for origin, movement_id, points, customer_id, kind in rows:
            if kind in SENT_KINDS:
                content = (points, self._emails.get(customer_id, ""))
                holdings.by_origin.setdefault(origin, {})[movement_id] = content
        return holdings

    def _query(self, sql: str) -> list[tuple]:  # type: ignore[type-arg]
        return self._open().execute(sql).fetchall()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(
                self._path, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        return self._connection


def find_differences(sender: Holdings, sender_auth: str, receiver: Holdings, receiver_auth: str) -> set[str]:
    """The ids of the sender's movements that the two sites do not hold alike.

    The two were read one after the other. So a movement that was recorded or delivered in between seems to differ, but
    only until the next reading.
    """
    own, held = sender.of(sender_auth), receiver.of(sender_auth)
    undelivered = sender.undelivered.get(receiver_auth, set())
    differing = {movement_id for movement_id, content in held.items() if own.get(movement_id) != content}
    missing = {movement_id for movement_id in own if movement_id not in held and movement_id not in undelivered}
    return differing | missing
