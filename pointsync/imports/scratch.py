"""A temporary SQLite file for the dry run of a file, whose lines may not fit in memory."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pointsync.files import open_private
from pointsync.imports.duplicates import RecordedLine

EmailBalanceKey = tuple[str, str]
"""Identifies a balance: (e-mail address of the customer, key of the reserve)."""

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -16000;
DROP TABLE IF EXISTS refs;
DROP TABLE IF EXISTS balances;
DROP TABLE IF EXISTS new_customers;
DROP TABLE IF EXISTS faults;
DROP TABLE IF EXISTS lines;
DROP TABLE IF EXISTS left_out;
CREATE TABLE refs (ref TEXT PRIMARY KEY, customer TEXT, reserve TEXT, points INTEGER, kind TEXT) WITHOUT ROWID;
CREATE TABLE balances (customer TEXT, reserve TEXT, points INTEGER, PRIMARY KEY (customer, reserve)) WITHOUT ROWID;
CREATE TABLE new_customers (customer TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE faults (line INTEGER PRIMARY KEY, message TEXT);
CREATE TABLE lines (customer TEXT, reserve TEXT, line INTEGER, PRIMARY KEY (customer, reserve)) WITHOUT ROWID;
CREATE TABLE left_out (line INTEGER PRIMARY KEY);
"""


class Scratch:
    """A temporary file. It starts empty; the caller may delete it after `close`."""

    def __init__(self, path: Path) -> None:
        with suppress(FileExistsError):
            os.close(open_private(path, os.O_RDWR | os.O_EXCL))
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def remember_ref(self, ref: str, line: RecordedLine) -> RecordedLine | None:
        """The earlier line with this ref. If there is none, store `line` and return None."""
        row = (line.customer, line.reserve, line.points, line.kind)
        if self._connection.execute("INSERT OR IGNORE INTO refs VALUES (?, ?, ?, ?, ?)", (ref, *row)).rowcount:
            return None
        return RecordedLine(*self._fetch_one("SELECT customer, reserve, points, kind FROM refs WHERE ref = ?", (ref,)))

    def get_balances(self, keys: Iterable[EmailBalanceKey]) -> dict[EmailBalanceKey, int]:
        """The balances after the earlier lines; those that no line has changed are left out."""
        query = "SELECT points FROM balances WHERE customer = ? AND reserve = ?"
        balances = {}
        for key in keys:
            if row := self._connection.execute(query, key).fetchone():
                balances[key] = row[0]
        return balances

    def save_balances(self, balances: dict[EmailBalanceKey, int]) -> None:
        """Store balances."""
        rows = [(*key, points) for key, points in sorted(balances.items())]
        self._connection.executemany("INSERT OR REPLACE INTO balances VALUES (?, ?, ?)", rows)

    def save_new_customers(self, emails: Iterable[str]) -> None:
        """Store the e-mail addresses of customers who are unknown here."""
        rows = [(email,) for email in sorted(emails)]
        self._connection.executemany("INSERT OR IGNORE INTO new_customers VALUES (?)", rows)

    def count_new_customers(self) -> int:
        """Count the customers who are unknown here."""
        return int(self._fetch_one("SELECT count(*) FROM new_customers")[0])

    def count_below_zero(self, reserves: Iterable[str]) -> int:
        """Count the customers whose balance in one of `reserves` ends below zero."""
        keys = list(reserves)
        placeholders = ", ".join("?" for _ in keys)
        query = f"SELECT count(DISTINCT customer) FROM balances WHERE points < 0 AND reserve IN ({placeholders})"  # noqa: S608
        return int(self._fetch_one(query, keys)[0])

    def remember_line(self, key: EmailBalanceKey, number: int, *, is_last: bool = False) -> int:
        """The line that counts for a customer: the first one that is remembered, or the last one with `is_last`."""
        action = "REPLACE" if is_last else "IGNORE"
        self._connection.execute(f"INSERT OR {action} INTO lines VALUES (?, ?, ?)", (*key, number))  # noqa: S608
        return int(self._fetch_one("SELECT line FROM lines WHERE customer = ? AND reserve = ?", key)[0])

    def save_left_out(self, number: int) -> None:
        """Store that a line is not recorded, although it is valid."""
        self._connection.execute("INSERT OR IGNORE INTO left_out VALUES (?)", (number,))

    def save_faults(self, faults: Iterable[tuple[int, str]]) -> None:
        """Store faults as (line, message)."""
        self._connection.executemany("INSERT OR REPLACE INTO faults VALUES (?, ?)", list(faults))

    def iter_faults(self, limit: int = -1) -> Iterator[tuple[int, str]]:
        """The faults as (line, message), in the order of lines; all of them, or the first `limit`."""
        yield from self._connection.execute("SELECT line, message FROM faults ORDER BY line LIMIT ?", (limit,))

    def get_unrecorded_lines(self, first: int, last: int) -> frozenset[int]:
        """The lines from `first` to `last` that are faulty, or left out."""
        query = (
            "SELECT line FROM faults WHERE line BETWEEN :first AND :last "
            "UNION ALL SELECT line FROM left_out WHERE line BETWEEN :first AND :last"
        )
        return frozenset(row[0] for row in self._connection.execute(query, {"first": first, "last": last}))

    def begin(self) -> None:
        """Begin a transaction, which makes the following statements faster."""
        self._connection.execute("BEGIN")

    def commit(self) -> None:
        """Commit the transaction."""
        self._connection.execute("COMMIT")

    def _fetch_one(self, query: str, values: Iterable[Any] = ()) -> tuple[Any, ...]:
        row: tuple[Any, ...] = self._connection.execute(query, tuple(values)).fetchone()
        return row
