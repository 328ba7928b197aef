"""The version of the database schema, and its upgrade by one process at a time."""

import fcntl
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from flask import Flask, current_app
from sqlalchemy import inspect, text

from pointsync import clock
from pointsync.db import sqlite_file
from pointsync.db.engine import allow_idle_transaction, extension, get_engine
from pointsync.db.file_check import get_database_file
from pointsync.errors import ConfigError
from pointsync.files import describe_owner, open_private

MIGRATIONS = Path(__file__).parent.parent / "migrations"
SCHEMA_VERSION = "d2b95c60e4f7"
"""The last migration: the version of a database that this PointSync has created or upgraded."""
UPGRADE_LOCK_ID = 7_061_110
DATABASE_TOO_OLD = "The database is from an earlier PointSync; run: pointsync upgrade"
DATABASE_TOO_NEW = (
    "The database was written by a newer PointSync (this one does not know its version {found}); start the newer one, "
    "or restore an older backup."
)

log = logging.getLogger(__name__)


def upgrade() -> None:
    """Create the database or upgrade it to this version; if several processes start at once, one of them does it.

    An existing SQLite database is copied first. Raises ConfigError if the database is from a newer version, or if the
    copy fails.
    """
    import alembic.command

    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with upgrade_lock():
        if file := get_database_file():
            file.create()
        found_version = get_schema_version()
        if found_version == SCHEMA_VERSION:
            return
        if found_version is not None:
            if not is_known_revision(found_version):
                raise ConfigError(DATABASE_TOO_NEW.format(found=found_version))
            _keep_sqlite_copy(found_version)
        alembic.command.upgrade(init_migrations(app).get_config(), "head")
        log.info(
            "the database was upgraded from %s to %s",
            found_version or "nothing",
            SCHEMA_VERSION,
            extra={"schema": SCHEMA_VERSION},
        )


def _keep_sqlite_copy(found_version: str) -> None:
    """Copy an SQLite database before an upgrade. For PostgreSQL, admins use its own backup tools."""
    if get_engine().dialect.name != "sqlite":
        return
    path = Path(str(get_engine().url.database))
    try:
        copy = sqlite_file.create_copy(path, f"before-upgrade-{found_version}", clock.now())
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(f"The copy of {path} before the upgrade failed: {error}. Nothing was upgraded.") from error
    log.info("the database before the upgrade was copied to %s", copy, extra={"file": str(copy)})


def init_migrations(app: Flask) -> Any:
    """Add Flask-Migrate to the application and return it.

    Alembic is imported here, because few commands need it and it takes long to import.
    """
    from flask_migrate import Migrate

    return Migrate(app, extension, str(MIGRATIONS), compare_type=True, render_as_batch=False)


def get_schema_version() -> str | None:
    """The database's version, which is the id of its last migration; None if it is missing or empty."""
    if (file := get_database_file()) and not file.path.is_file():
        return None
    if not inspect(get_engine()).has_table("alembic_version"):
        return None
    with get_engine().connect() as connection:
        found_version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found_version


def is_current() -> bool:
    """Whether the database has this version."""
    return get_schema_version() == SCHEMA_VERSION


def is_known_revision(revision: str) -> bool:
    """Whether this PointSync has that migration; otherwise it is from a newer version."""
    import alembic.util
    from alembic.script import ScriptDirectory

    try:
        return ScriptDirectory(str(MIGRATIONS)).get_revision(revision) is not None
    except alembic.util.CommandError:
        return False


def version_problem() -> str | None:
    """Why this PointSync cannot use the database's version; None if it can, or if the database is empty."""
    found_version = get_schema_version()
    if found_version is None or found_version == SCHEMA_VERSION:
        return None
    return DATABASE_TOO_OLD if is_known_revision(found_version) else DATABASE_TOO_NEW.format(found=found_version)


def _open_lock(path: Path) -> TextIO:
    try:
        return open(path, "w", opener=open_private)
    except OSError as error:
        raise ConfigError(f"{path}, a lock of the database, cannot be opened: {describe_owner(path)}") from error


@contextmanager
def upgrade_lock(*, is_brief: bool = False) -> Iterator[None]:
    """One upgrade, restore or key rotation at a time: a file lock for SQLite, an advisory lock for PostgreSQL.

    PostgreSQL releases a brief lock if its process is stopped for longer than `engine.IDLE_TRANSACTION_SECONDS`.
    """
    engine = get_engine()
    if engine.dialect.name == "sqlite":
        with _open_lock(Path(f"{engine.url.database}.upgrade")) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as connection:
        connection.detach()  # so that it stays open even if the engine's other connections are closed
        if not is_brief:
            allow_idle_transaction(connection)
        connection.execute(text("SELECT pg_advisory_lock(:name)"), {"name": UPGRADE_LOCK_ID})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:name)"), {"name": UPGRADE_LOCK_ID})
            connection.commit()
