"""Whether the site runs: what must not be changed beneath a process is refused while one is there."""

import sqlite3
import time
from pathlib import Path

from sqlalchemy import text

from pointsync import sqlite_file
from pointsync.db import UPGRADE_LOCK, db
from pointsync.errors import Conflict

OTHERS = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename = current_user AND backend_type = 'client backend'"
    " AND pid <> pg_backend_pid()"
    " AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock AND granted)"
)
"""Connections of this site's database user, without our own two: this one, and the one that holds the lock."""
GRACE_SECONDS = 3.0
"""PostgreSQL sees a little later that a process has ended."""
TICK_SECONDS = 0.05


def refuse() -> None:
    """Raise Conflict where another process has the database open; on PostgreSQL, one of the same database user."""
    if db.engine.dialect.name == "sqlite":
        refuse_open(Path(str(db.engine.url.database)))
        return
    let_go()
    end = time.monotonic() + GRACE_SECONDS
    while (others := _others()) and time.monotonic() < end:
        time.sleep(TICK_SECONDS)
    if others:
        raise _conflict(f"{others} other connection{'s are' if others > 1 else ' is'} open to the database")


def refuse_open(place: Path) -> None:
    """Raise Conflict where another process has an SQLite database open: it would go on with that, unseen by all."""
    let_go()
    try:
        is_running = place.exists() and sqlite_file.is_in_use(place)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise
        return  # damaged, perhaps why a backup is restored; so it cannot be asked
    if is_running:
        raise _conflict(f"{place} is in use")


def _others() -> int:
    with db.engine.connect() as connection:
        return connection.scalar(OTHERS, {"lock": UPGRADE_LOCK}) or 0


def let_go() -> None:
    """Close what this process has open of the database."""
    db.session.remove()
    db.engine.dispose()


def _conflict(why: str) -> Conflict:
    return Conflict(
        "running", f"{why}: stop pointsync serve, pointsync worker and every other process of this site first."
    )
