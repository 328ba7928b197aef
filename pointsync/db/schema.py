"""The database's version: brought to that of this PointSync, by one process at a time."""

import fcntl
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask, current_app
from sqlalchemy import inspect, text

from pointsync import clock, sqlite_file
from pointsync.db.engine import extension, get_engine
from pointsync.errors import ConfigError

MIGRATIONS = Path(__file__).parent.parent / "migrations"
SCHEMA_VERSION = "d15ab1ed5ee0"
"""The last migration: what the database is at where this PointSync has made or upgraded it."""
UPGRADE_LOCK_ID = 7_061_110
DATABASE_TOO_OLD = "The database is of an earlier PointSync; run: pointsync upgrade"
DATABASE_TOO_NEW = (
    "The database was written by a newer PointSync (it is at {found}, which this one does not know); start that one, "
    "or restore a backup that was made before."
)

log = logging.getLogger(__name__)


def upgrade() -> None:
    """Bring the database to this version, or make it; of processes that start together, one does.

    Of an SQLite database that others have made a copy is kept beside it first. Raises ConfigError where a newer
    PointSync has written it, or where no copy can be made.
    """
    import alembic.command

    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with upgrade_lock():
        found_version = get_schema_version()
        if found_version == SCHEMA_VERSION:
            return
        if found_version is not None:
            if not is_known_revision(found_version):
                raise ConfigError(DATABASE_TOO_NEW.format(found=found_version))
            _keep_sqlite_copy(found_version)
        alembic.command.upgrade(init_migrations(app).get_config(), "head")
        log.info(
            "the database was brought from %s to %s",
            found_version or "nothing",
            SCHEMA_VERSION,
            extra={"schema": SCHEMA_VERSION},
        )


def _keep_sqlite_copy(found_version: str) -> None:
    """Keep an SQLite database as it is before an upgrade; of PostgreSQL's, its own tools make backups."""
    if get_engine().dialect.name != "sqlite":
        return
    path = Path(str(get_engine().url.database))
    try:
        copy = sqlite_file.create_copy(path, f"before-upgrade-{found_version}", clock.now())
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(
            f"Before an upgrade a copy of {path} is made beside it, and that failed: {error}. Nothing was upgraded."
        ) from error
    log.info("a copy of the database as it was is kept: %s", copy, extra={"file": str(copy)})


def init_migrations(app: Flask) -> Any:
    """Flask-Migrate for the application, an extension of it from now on.

    Alembic is loaded here, since hardly a command needs it and all would wait for it.
    """
    from flask_migrate import Migrate

    return Migrate(app, extension, str(MIGRATIONS), compare_type=True, render_as_batch=False)


def get_schema_version() -> str | None:
    """The migration that the database is at; None where it is empty."""
    if not inspect(get_engine()).has_table("alembic_version"):
        return None
    with get_engine().connect() as connection:
        found_version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found_version


def is_current() -> bool:
    """Whether the database is at this version."""
    return get_schema_version() == SCHEMA_VERSION


def is_known_revision(revision: str) -> bool:
    """Whether this PointSync has that migration; if not, a newer one has."""
    import alembic.util
    from alembic.script import ScriptDirectory

    try:
        return ScriptDirectory(str(MIGRATIONS)).get_revision(revision) is not None
    except alembic.util.CommandError:
        return False


def version_problem() -> str | None:
    """Why this PointSync cannot work with the database of another version; None where it can, or there is none."""
    found_version = get_schema_version()
    if found_version is None or found_version == SCHEMA_VERSION:
        return None
    return DATABASE_TOO_OLD if is_known_revision(found_version) else DATABASE_TOO_NEW.format(found=found_version)


@contextmanager
def upgrade_lock() -> Iterator[None]:
    """One upgrade or restore at a time: by a file's lock on SQLite, by an advisory lock on PostgreSQL."""
    engine = get_engine()
    if engine.dialect.name == "sqlite":
        with open(f"{engine.url.database}.upgrade", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as connection:
        connection.detach()  # so that it ends here, whatever becomes of the engine's others meanwhile
        connection.execute(text("SELECT pg_advisory_lock(:name)"), {"name": UPGRADE_LOCK_ID})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:name)"), {"name": UPGRADE_LOCK_ID})
            connection.commit()
