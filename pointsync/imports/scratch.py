"""What must be remembered over a whole file, on disk beside the database: a million lines would not fit in memory."""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pointsync.imports.duplicates import Known

Pot = tuple[str, str]
"""A balance's name: (customer's e-mail, reserve's key)."""

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -16000;
DROP TABLE IF EXISTS seen;
DROP TABLE IF EXISTS pot;
DROP TABLE IF EXISTS newcomer;
DROP TABLE IF EXISTS fault;
CREATE TABLE seen (ref TEXT PRIMARY KEY, customer TEXT, reserve TEXT, points INTEGER, kind TEXT) WITHOUT ROWID;
CREATE TABLE pot (customer TEXT, reserve TEXT, points INTEGER, PRIMARY KEY (customer, reserve)) WITHOUT ROWID;
CREATE TABLE newcomer (customer TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE fault (line INTEGER PRIMARY KEY, message TEXT);
"""


class Scratch:
    """A file of its own, begun anew; it may be deleted when all is done."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.executescript(_TABLES)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def remember(self, ref: str, known: Known) -> Known | None:
        """What `ref` stood for in an earlier line; None where this is the first one with it."""
        row = (known.customer, known.reserve, known.points, known.kind)
        if self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?, ?)", (ref, *row)).rowcount:
            return None
        return Known(*self._row("SELECT customer, reserve, points, kind FROM seen WHERE ref = ?", (ref,)))

    def pots(self, wanted: Iterable[Pot]) -> dict[Pot, int]:
        """The balances as earlier lines have made them; without those that none has touched."""
        query = "SELECT points FROM pot WHERE customer = ? AND reserve = ?"
        found = {}
        for pot in wanted:
            if row := self._connection.execute(query, pot).fetchone():
                found[pot] = row[0]
        return found

    def keep_pots(self, pots: dict[Pot, int]) -> None:
        """Remember balances."""
        rows = [(*pot, points) for pot, points in sorted(pots.items())]
        self._connection.executemany("INSERT OR REPLACE INTO pot VALUES (?, ?, ?)", rows)

    def keep_newcomers(self, emails: Iterable[str]) -> None:
        """Remember customers that are not known here."""
        rows = [(email,) for email in sorted(emails)]
        self._connection.executemany("INSERT OR IGNORE INTO newcomer VALUES (?)", rows)

    def newcomers(self) -> int:
        """How many customers are not known here."""
        return int(self._row("SELECT count(*) FROM newcomer")[0])

    def below_zero(self, reserves: Iterable[str]) -> int:
        """How many customers end below zero in one of `reserves`."""
        keys = list(reserves)
        marks = ", ".join("?" for _ in keys)
        query = f"SELECT count(DISTINCT customer) FROM pot WHERE points < 0 AND reserve IN ({marks})"  # noqa: S608
        return int(self._row(query, keys)[0])

    def keep_faults(self, faults: Iterable[tuple[int, str]]) -> None:
        """Remember what is wrong with lines."""
        self._connection.executemany("INSERT OR REPLACE INTO fault VALUES (?, ?)", list(faults))

    def faults(self, most: int = -1) -> Iterator[tuple[int, str]]:
        """The first `most` lines with what is wrong with them; all unless told otherwise."""
        yield from self._connection.execute("SELECT line, message FROM fault ORDER BY line LIMIT ?", (most,))

    def faulty(self, first: int, last: int) -> frozenset[int]:
        """Which lines from `first` to `last` are faulty."""
        rows = self._connection.execute("SELECT line FROM fault WHERE line BETWEEN ? AND ?", (first, last))
        return frozenset(row[0] for row in rows)

    def begin(self) -> None:
        """Take what follows together, which is quicker."""
        self._connection.execute("BEGIN")

    def commit(self) -> None:
        """End what was begun."""
        self._connection.execute("COMMIT")

    def _row(self, query: str, values: Iterable[Any] = ()) -> tuple[Any, ...]:
        row: tuple[Any, ...] = self._connection.execute(query, tuple(values)).fetchone()
        return row
