"""A backup: all that the database holds at one moment, taken while the site runs and records."""

import logging
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url, select

from pointsync import clock, sqlite_file
from pointsync.config import Config
from pointsync.db import db, version
from pointsync.errors import Conflict
from pointsync.files import PARTIAL, whole_bytes
from pointsync.models import Site
from pointsync.ops import archive, pg_tools
from pointsync.ops.archive import POSTGRESQL, SQLITE, About
from pointsync.runtime import runtime
from pointsync.sync.site import general

log = logging.getLogger(__name__)

Say = Callable[[str, int, int], None]
"""Told what is done, how much of it, of how much; what it raises ends the work, and nothing is left of it."""


def make(path: Path, by: str, now: datetime, say: Say, *, with_secret: bool = True) -> tuple[About, bool]:
    """Write a backup to `path`, there whole or not at all, mode 600; what is known of it, whether the secret is in it.

    `by` is PointSync's own version. Raises Conflict where there is nothing to back up, or a tool is missing; BadBackup
    where what was written is damaged; OSError and sqlite3.Error where it cannot be written or read.
    """
    here = runtime()
    schema = version()
    if schema is None or db.session.scalar(select(Site.id)) is None:
        raise Conflict("no_site", "The database holds no site yet, so there is nothing to back up.")
    about = About(
        what=archive.WHAT,
        format=archive.FORMAT,
        made_at=clock.to_text(now),
        version=by,
        schema=schema,
        database=SQLITE if here.config.is_sqlite else POSTGRESQL,
        site=general.site_name(db.session(), here.config),
        proof=here.vault.seal(archive.WHAT),
    )
    db.session.remove()
    secret = own_secret(here.config) if with_secret else None
    with tempfile.TemporaryDirectory(prefix=".", suffix=PARTIAL, dir=path.parent) as folder:
        copy = Path(folder) / archive.DATABASE
        _copy(here.config, copy, say)
        with whole_bytes(path) as file:
            archive.write(file, about, copy, secret, lambda done, total: say("packed", done, total))
    log.info("a backup was made: %s", path, extra={"file": str(path)})
    return about, secret is not None


def own_secret(config: Config) -> str | None:
    """The secret that PointSync has made for this site; None where an admin keeps another one elsewhere."""
    kept = config.data / archive.SECRET
    return config.secret_key if kept.is_file() and kept.read_text().strip() == config.secret_key else None


def database_file(config: Config) -> Path:
    """Where an SQLite database lies."""
    return Path(str(make_url(config.database_url).database))


def _copy(config: Config, copy: Path, say: Say) -> None:
    if not config.is_sqlite:
        pg_tools.dump(config.database_url, copy)
        return
    sqlite_file.copy(database_file(config), copy, lambda done, total: say("copied", done, total))
    if said := sqlite_file.fault(copy):
        raise archive.BadBackup(f"would be damaged, as the database is: {said}")
