"""Whether the site is running: some changes are refused while any process uses the database."""

import sqlite3
import time
from pathlib import Path

from sqlalchemy import text

from pointsync import db
from pointsync.db import UPGRADE_LOCK_ID, sqlite_file
from pointsync.errors import Conflict

OTHER_CONNECTIONS_SQL = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename = current_user AND backend_type = 'client backend'"
    " AND pid <> pg_backend_pid()"
    " AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock AND granted)"
)
"""Connections of this site's database user, without our own: this one and the one that holds the upgrade lock."""
GRACE_SECONDS = 3.0
"""PostgreSQL notices the end of a process with a delay."""
POLL_SECONDS = 0.05


def refuse_if_in_use() -> None:
    """Raise Conflict if another process has the database open. On PostgreSQL, only the same database user counts."""
    if db.get_engine().dialect.name == "sqlite":
        refuse_if_file_in_use(Path(str(db.get_engine().url.database)))
        return
    close_connections()
    deadline = time.monotonic() + GRACE_SECONDS
    while (other_count := _count_other_connections()) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    if other_count:
        raise _in_use_error(
            f"{other_count} other connection{'s are' if other_count > 1 else ' is'} open to the database"
        )


def refuse_if_file_in_use(path: Path) -> None:
    """Raise Conflict if another process has an SQLite database open: it would keep writing to the old file."""
    close_connections()
    try:
        is_running = path.exists() and sqlite_file.is_in_use(path)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise
        return  # a damaged database cannot be checked; it may be the reason for a restore
    if is_running:
        raise _in_use_error(f"{path} is in use")


def _count_other_connections() -> int:
    with db.get_engine().connect() as connection:
        return connection.scalar(OTHER_CONNECTIONS_SQL, {"lock": UPGRADE_LOCK_ID}) or 0


def close_connections() -> None:
    """Close all database connections of this process."""
    db.session.remove()
    db.get_engine().dispose()


def _in_use_error(reason: str) -> Conflict:
    return Conflict(
        "running", f"{reason}. Stop pointsync serve, pointsync worker and every other process of this site first."
    )
