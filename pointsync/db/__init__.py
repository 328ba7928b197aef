"""The database: one engine set-up for SQLite and PostgreSQL, and the two ways into it.

Reading goes through `db.session`, which ends with the request. Writing goes through `write()`, a
transaction of its own that has the write lock from its first statement; reading begins afresh after it.
"""

from pointsync.db.base import Base, Moment, RowNumber
from pointsync.db.engine import attach, database_now, db, engine_options, prepare_engine
from pointsync.db.schema import (
    EARLIER,
    MIGRATIONS,
    NEWER,
    UPGRADE_LOCK,
    VERSION,
    is_current,
    knows,
    migrations,
    unfit,
    upgrade,
    upgrade_lock,
    version,
)
from pointsync.db.transaction import ACTOR, Actor, Busy, Writing, acts, in_write, is_passing, write

__all__ = [
    "ACTOR",
    "EARLIER",
    "MIGRATIONS",
    "NEWER",
    "UPGRADE_LOCK",
    "VERSION",
    "Actor",
    "Base",
    "Busy",
    "Moment",
    "RowNumber",
    "Writing",
    "acts",
    "attach",
    "database_now",
    "db",
    "engine_options",
    "in_write",
    "is_current",
    "is_passing",
    "knows",
    "migrations",
    "prepare_engine",
    "unfit",
    "upgrade",
    "upgrade_lock",
    "version",
    "write",
]
