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
from pointsync.db.engine import db
from pointsync.errors import ConfigError

MIGRATIONS = Path(__file__).parent.parent / "migrations"
VERSION = "d15ab1ed5ee0"
"""The last migration: what the database is at where this PointSync has made or upgraded it."""
UPGRADE_LOCK = 7_061_110
EARLIER = "The database is of an earlier PointSync; run: pointsync upgrade"
NEWER = (
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
        found = version()
        if found == VERSION:
            return
        if found is not None:
            if not knows(found):
                raise ConfigError(NEWER.format(found=found))
            _keep_copy(found)
        alembic.command.upgrade(migrations(app).get_config(), "head")
        log.info("the database was brought from %s to %s", found or "nothing", VERSION, extra={"schema": VERSION})


def _keep_copy(found: str) -> None:
    """Keep an SQLite database as it is before an upgrade; of PostgreSQL's, its own tools make backups."""
    if db.engine.dialect.name != "sqlite":
        return
    place = Path(str(db.engine.url.database))
    try:
        copy = sqlite_file.keep_copy(place, f"before-upgrade-{found}", clock.now())
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(
            f"Before an upgrade a copy of {place} is made beside it, and that failed: {error}. Nothing was upgraded."
        ) from error
    log.info("a copy of the database as it was is kept: %s", copy, extra={"file": str(copy)})


def migrations(app: Flask) -> Any:
    """Flask-Migrate for the application, an extension of it from now on.

    Alembic is loaded here, since hardly a command needs it and all would wait for it.
    """
    from flask_migrate import Migrate

    return Migrate(app, db, str(MIGRATIONS), compare_type=True, render_as_batch=False)


def version() -> str | None:
    """The migration that the database is at; None where it is empty."""
    if not inspect(db.engine).has_table("alembic_version"):
        return None
    with db.engine.connect() as connection:
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def is_current() -> bool:
    """Whether the database is at this version."""
    return version() == VERSION


def knows(revision: str) -> bool:
    """Whether this PointSync has that migration; if not, a newer one has."""
    import alembic.util
    from alembic.script import ScriptDirectory

    try:
        return ScriptDirectory(str(MIGRATIONS)).get_revision(revision) is not None
    except alembic.util.CommandError:
        return False


def unfit() -> str | None:
    """Why this PointSync cannot work with the database of another version; None where it can, or there is none."""
    found = version()
    if found is None or found == VERSION:
        return None
    return EARLIER if knows(found) else NEWER.format(found=found)


@contextmanager
def upgrade_lock() -> Iterator[None]:
    """One upgrade or restore at a time: by a file's lock on SQLite, by an advisory lock on PostgreSQL."""
    engine = db.engine
    if engine.dialect.name == "sqlite":
        with open(f"{engine.url.database}.upgrade", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as connection:
        connection.detach()  # so that it ends here, whatever becomes of the engine's others meanwhile
        connection.execute(text("SELECT pg_advisory_lock(:name)"), {"name": UPGRADE_LOCK})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:name)"), {"name": UPGRADE_LOCK})
            connection.commit()
