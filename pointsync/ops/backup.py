"""A backup: all that the database holds at one moment, taken while the site runs and records."""

import logging
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url, select

from pointsync import clock, db, sqlite_file
from pointsync.config import Config
from pointsync.db import get_schema_version
from pointsync.errors import Conflict
from pointsync.files import PARTIAL_SUFFIX, atomic_binary_file
from pointsync.models import Site
from pointsync.ops import archive, pg_tools
from pointsync.ops.archive import POSTGRESQL, SQLITE, Manifest
from pointsync.runtime import get_runtime
from pointsync.sync.site import general

log = logging.getLogger(__name__)

ProgressCallback = Callable[[str, int, int], None]
"""Told what is done, how much of it, of how much; what it raises ends the work, and nothing is left of it."""


def create(
    path: Path, pointsync_version: str, now: datetime, on_progress: ProgressCallback, *, with_secret: bool = True
) -> tuple[Manifest, bool]:
    """Write a backup to `path`, there whole or not at all, mode 600; what is known of it, whether the secret is in it.

    `by` is PointSync's own version. Raises Conflict where there is nothing to back up, or a tool is missing; BadBackup
    where what was written is damaged; OSError and sqlite3.Error where it cannot be written or read.
    """
    state = get_runtime()
    schema = get_schema_version()
    if schema is None or db.session.scalar(select(Site.id)) is None:
        raise Conflict("no_site", "The database holds no site yet, so there is nothing to back up.")
    manifest = Manifest(
        what=archive.FORMAT_NAME,
        format=archive.FORMAT,
        made_at=clock.to_text(now),
        version=pointsync_version,
        schema=schema,
        database=SQLITE if state.config.is_sqlite else POSTGRESQL,
        site=general.get_site_name(db.session(), state.config),
        proof=state.vault.encrypt(archive.FORMAT_NAME),
    )
    db.session.remove()
    secret = get_generated_secret(state.config) if with_secret else None
    with tempfile.TemporaryDirectory(prefix=".", suffix=PARTIAL_SUFFIX, dir=path.parent) as folder:
        copy = Path(folder) / archive.DATABASE_NAME
        _copy_database(state.config, copy, on_progress)
        with atomic_binary_file(path) as file:
            archive.write(file, manifest, copy, secret, lambda done, total: on_progress("packed", done, total))
    log.info("a backup was made: %s", path, extra={"file": str(path)})
    return manifest, secret is not None


def get_generated_secret(config: Config) -> str | None:
    """The secret that PointSync has made for this site; None where an admin keeps another one elsewhere."""
    secret_path = config.data / archive.SECRET_NAME
    return config.secret_key if secret_path.is_file() and secret_path.read_text().strip() == config.secret_key else None


def database_path(config: Config) -> Path:
    """Where an SQLite database lies."""
    return Path(str(make_url(config.database_url).database))


def _copy_database(config: Config, copy: Path, on_progress: ProgressCallback) -> None:
    if not config.is_sqlite:
        pg_tools.dump(config.database_url, copy)
        return
    sqlite_file.copy(database_path(config), copy, lambda done, total: on_progress("copied", done, total))
    if fault := sqlite_file.find_damage(copy):
        raise archive.BadBackup(f"would be damaged, as the database is: {fault}")
