"""The database, SQLite or PostgreSQL.

Read with `db.session`, which ends with the request. Write in `db.transaction()` or `db.run_in_transaction()`, which
hold the write lock from the first statement; afterwards `db.session` reads the new state.
"""

from pointsync.db.base import Base, RowNumber, UInt128, UtcDateTime
from pointsync.db.engine import (
    allow_idle_transaction,
    close_connections,
    configure_engine,
    engine_options,
    engine_url,
    extension,
    get_database_time,
    get_engine,
    init_app,
    session,
)
from pointsync.db.file_check import file_problem, get_database_file
from pointsync.db.read_only import is_read_only
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
    DatabaseFileGone,
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
    "DatabaseFileGone",
    "RowNumber",
    "UInt128",
    "UtcDateTime",
    "WriteSession",
    "allow_idle_transaction",
    "close_connections",
    "configure_engine",
    "engine_options",
    "engine_url",
    "extension",
    "file_problem",
    "get_database_file",
    "get_database_time",
    "get_engine",
    "get_schema_version",
    "init_app",
    "init_migrations",
    "is_current",
    "is_known_revision",
    "is_read_only",
    "is_transient",
    "run_in_transaction",
    "session",
    "set_actor",
    "transaction",
    "upgrade",
    "upgrade_lock",
    "version_problem",
]
