"""What somebody with a database tool does to the rows of one site. The balances and hourly totals are kept right."""

import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

SETTLED_SQL = (
    "SELECT seq FROM movement WHERE points <> 0 AND origin {relation} ? AND kind NOT IN ('opening', 'correction', "
    "'expire') AND NOT EXISTS (SELECT 1 FROM delivery WHERE movement_seq = seq AND state <> 'delivered') "
    "ORDER BY seq DESC LIMIT 300 OFFSET 5"
)
"""Movements that are delivered, apart from the newest."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A kind of edit."""

    name: str
    is_own: bool
    """Whether it is about a movement of the edited site itself."""
    change: Callable[[sqlite3.Connection, int, random.Random], None]

    def make(self, database: sqlite3.Connection, auth: str, rng: random.Random) -> bool:
        """Edit a random movement. Return whether there is one."""
        seqs = database.execute(SETTLED_SQL.format(relation="=" if self.is_own else "<>"), (auth,)).fetchall()
        if seqs:
            self.change(database, rng.choice(seqs)[0], rng)
        return bool(seqs)


def _change_points(database: sqlite3.Connection, seq: int, rng: random.Random) -> None:
    added = rng.choice((1, 1000, -7))
    [(before,)] = database.execute("SELECT points FROM movement WHERE seq = ?", (seq,))
    added += before + added == 0  # 0 points would be no movement
    _count(database, seq, -1)
    database.execute("UPDATE movement SET points = points + ? WHERE seq = ?", (added, seq))
    _count(database, seq, 1)


def _change_customer(database: sqlite3.Connection, seq: int, rng: random.Random) -> None:
    others = database.execute(
        "SELECT balance.customer_id FROM balance JOIN movement ON movement.seq = ? "
        "WHERE balance.customer_id <> movement.customer_id AND balance.reserve_id = movement.reserve_id",
        (seq,),
    ).fetchall()
    _count(database, seq, -1)
    database.execute("UPDATE movement SET customer_id = ? WHERE seq = ?", (rng.choice(others)[0], seq))
    _count(database, seq, 1)


def _delete(database: sqlite3.Connection, seq: int, _rng: random.Random) -> None:
    _count(database, seq, -1)
    database.execute("DELETE FROM movement WHERE seq = ?", (seq,))


def _delete_with_deliveries(database: sqlite3.Connection, seq: int, rng: random.Random) -> None:
    """As PostgreSQL demands it."""
    database.execute("DELETE FROM delivery WHERE movement_seq = ?", (seq,))
    _delete(database, seq, rng)


def _count(database: sqlite3.Connection, seq: int, sign: int) -> None:
    """Add a movement to its balance and hourly total, or take it out of them."""
    balance = (
        "UPDATE balance SET points = balance.points + ? * movement.points FROM movement "
        "WHERE seq = ? AND balance.customer_id = movement.customer_id AND balance.reserve_id = movement.reserve_id"
    )
    total = (
        "UPDATE flow SET movements = movements + ?1, given = given + ?1 * max(points, 0), "
        "taken = taken + ?1 * max(-points, 0) FROM movement WHERE seq = ?2 AND flow.origin = movement.origin "
        "AND flow.reserve_id = movement.reserve_id AND flow.kind = movement.kind "
        "AND flow.hour = substr(movement.at, 1, 13) || ':00:00.000000'"
    )
    for statement in (balance, total):
        assert database.execute(statement, (sign, seq)).rowcount == 1, "the edit has not changed one row"


EDITS = (
    Edit("points edited, received row", is_own=False, change=_change_points),
    Edit("points edited, own row", is_own=True, change=_change_points),
    Edit("customer edited, received row", is_own=False, change=_change_customer),
    Edit("deleted, received row", is_own=False, change=_delete),
    Edit("deleted, own row", is_own=True, change=_delete),
    Edit("deleted with its deliveries, own row", is_own=True, change=_delete_with_deliveries),
)
