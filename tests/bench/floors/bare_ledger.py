"""The statements of one recording and of one receipt by the bare driver, with the rows that PointSync writes.

Each row is a copy of one that PointSync has written, with another id and customer.
"""

from dataclasses import dataclass
from itertools import count
from threading import Lock
from typing import Any

from pointsync.models import Customer, Delivery, HourlyTotal, Movement, ReceivedSummary
from tests.bench.databases import POSTGRES, Database
from tests.bench.floors.rows import Row, TableRows, read

FIND_KEY = "SELECT id FROM api_key WHERE digest = ? AND revoked_at IS NULL"
FIND_CUSTOMER = "SELECT id FROM customer WHERE email = ?"
TAKE_ID = "UPDATE site SET last_id = last_id + 1 RETURNING last_id"
ADD_POINTS = (
    "INSERT INTO balance (customer_id, reserve_id, points) VALUES (?, ?, ?) "
    "ON CONFLICT (customer_id, reserve_id) DO UPDATE SET points = balance.points + excluded.points RETURNING points"
)
FIRST_OWN_ID = 1 << 40


@dataclass(frozen=True)
class _Sample:
    """The last row of a table, without its own number, and the statement that writes it."""

    columns: tuple[str, ...]
    row: Row
    statement: str

    def with_values(self, **values: Any) -> Row:
        """The row with other values, in the types of the columns."""
        return tuple(
            (str(values[name]) if isinstance(old, str) else values[name]) if name in values else old
            for name, old in zip(self.columns, self.row, strict=True)
        )


class BareLedger:
    """Needs a database in which PointSync has recorded or received at least one movement."""

    def __init__(self, database: Database) -> None:
        self._is_postgres = database.kind == POSTGRES
        self._sql = database.sql
        self._movement = self._sample(read(database, Movement), numbered_by="seq")
        self._customer = self._sample(read(database, Customer), numbered_by="id")
        self._reserve_id = dict(zip(self._movement.columns, self._movement.row, strict=True))["reserve_id"]
        self._total = self._sample(read(database, HourlyTotal))
        deliveries, summaries = read(database, Delivery), read(database, ReceivedSummary)
        self._delivery = self._sample(deliveries, numbered_by="id") if deliveries.rows else None
        self._summary = self._sample(summaries) if summaries.rows else None
        self._ids = count(FIRST_OWN_ID)
        # SQLite would let waiting threads sleep for ever longer times. PostgreSQL has the lock of the site's row.
        self._lock = Lock()

    def find_key(self, connection: Any, digest: str) -> bool:
        """Whether there is a key with this hash."""
        return connection.execute(self._sql(FIND_KEY), (digest,)).fetchone() is not None

    def record(self, connection: Any, email: str, points: int) -> tuple[int, int]:
        """Record a movement with its delivery, and commit. Return its id and the balance."""
        if self._is_postgres:
            return self._record(connection, email, points)
        with self._lock:
            return self._record(connection, email, points)

    def receive(self, connection: Any, email: str, points: int) -> int:
        """Apply a movement of another site, and commit. Return the balance."""
        with self._lock:
            self._begin(connection)
            balance, _ = self._write_movement(connection, next(self._ids), email, points)
            assert self._summary, "nothing was received before"
            connection.execute(self._summary.statement, self._summary.row)
            connection.execute("COMMIT")
            return balance

    def _record(self, connection: Any, email: str, points: int) -> tuple[int, int]:
        self._begin(connection)
        [movement_id] = connection.execute(TAKE_ID).fetchone()
        balance, seq = self._write_movement(connection, movement_id, email, points)
        if self._delivery:
            connection.execute(self._delivery.statement, self._delivery.with_values(movement_seq=seq))
        connection.execute("COMMIT")
        return movement_id, balance

    def _begin(self, connection: Any) -> None:
        connection.execute("BEGIN" if self._is_postgres else "BEGIN IMMEDIATE")

    def _write_movement(self, connection: Any, movement_id: int, email: str, points: int) -> tuple[int, int]:
        found = connection.execute(self._sql(FIND_CUSTOMER), (email,)).fetchone()
        if found is None:
            row = self._customer.with_values(email=email)
            found = connection.execute(f"{self._customer.statement} RETURNING id", row).fetchone()
        values = (found[0], self._reserve_id, points)
        [balance] = connection.execute(self._sql(ADD_POINTS), values).fetchone()
        row = self._movement.with_values(id=movement_id, customer_id=found[0], points=points, balance=balance)
        [seq] = connection.execute(f"{self._movement.statement} RETURNING seq", row).fetchone()
        connection.execute(self._total.statement, self._total.row)
        return balance, seq

    def _sample(self, table: TableRows, numbered_by: str | None = None) -> _Sample:
        indexes = [index for index, name in enumerate(table.columns) if name != numbered_by]
        columns = tuple(table.columns[index] for index in indexes)
        last = list(table.rows.values())[-1]
        names, marks = ", ".join(columns), ", ".join("?" for _ in columns)
        statement = f"INSERT INTO {table.table} ({names}) VALUES ({marks})"
        if numbered_by is None:
            sets = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in table.key)
            statement += f" ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {sets}"
        return _Sample(columns, tuple(last[index] for index in indexes), self._sql(statement))
