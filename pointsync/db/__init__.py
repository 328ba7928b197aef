"""The database: one engine set-up for SQLite and PostgreSQL, and the two ways into it.

Reading goes through `db.session`, which ends with the request. Writing goes through `db.transaction()`, a
transaction of its own that has the write lock from its first statement; reading begins afresh after it.
"""

from pointsync.db.base import Base, RowNumber, UtcDateTime
from pointsync.db.engine import (
    configure_engine,
    engine_options,
    extension,
    get_database_time,
    get_engine,
    init_app,
    session,
)
from pointsync.db.schema import (
    DATABASE_TOO_NEW,
    DATABASE_TOO_OLD,
    MIGRATIONS,
    SCHEMA_VERSION,
    UPGRADE_LOCK_ID,
    get_schema_version,
    init_migrations,
    is_current,
    is_known_revision,
    upgrade,
    upgrade_lock,
    version_problem,
)
from pointsync.db.transactions import (
    ACTOR_KEY,
    Actor,
    DatabaseBusy,
    WriteSession,
    is_transient,
    run_in_transaction,
    set_actor,
    transaction,
)

__all__ = [
    "ACTOR_KEY",
    "DATABASE_TOO_NEW",
    "DATABASE_TOO_OLD",
    "MIGRATIONS",
    "SCHEMA_VERSION",
    "UPGRADE_LOCK_ID",
    "Actor",
    "Base",
    "DatabaseBusy",
    "RowNumber",
    "UtcDateTime",
    "WriteSession",
    "configure_engine",
    "engine_options",
    "extension",
    "get_database_time",
    "get_engine",
    "get_schema_version",
    "init_app",
    "init_migrations",
    "is_current",
    "is_known_revision",
    "is_transient",
    "run_in_transaction",
    "session",
    "set_actor",
    "transaction",
    "upgrade",
    "upgrade_lock",
    "version_problem",
]
