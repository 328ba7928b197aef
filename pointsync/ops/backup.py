"""Backups: a consistent copy of the database, taken while the site runs."""

import logging
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.config import Config
from pointsync.db import get_schema_version, sqlite_file
from pointsync.errors import Conflict
from pointsync.files import PARTIAL_SUFFIX, atomic_binary_file
from pointsync.models import BackupFile, Movement, Site
from pointsync.ops import archive, pg_tools
from pointsync.ops.archive import POSTGRESQL, SQLITE, BadBackup, Manifest
from pointsync.runtime import get_runtime
from pointsync.sync.site import general
from pointsync.text_limits import MAX_MESSAGE_LENGTH

log = logging.getLogger(__name__)

KEEP_ADVICE = "Give another name, or move that file to a safe place first."

ProgressCallback = Callable[[str, int, int], None]
"""Called with what was done (such as `packed`), how much, and the total. An exception in it cancels the backup."""


def create(
    path: Path, pointsync_version: str, now: datetime, on_progress: ProgressCallback, *, with_secret: bool = True
) -> tuple[Manifest, bool]:
    """Write a backup to `path` (mode 600), complete or not at all. Return its manifest, and whether it holds the key.

    Raises Conflict if there is nothing to back up, a tool is missing or an existing file must be kept, BadBackup if the
    result is damaged, and OSError or sqlite3.Error if something cannot be read or written.
    """
    state = get_runtime()
    schema = get_schema_version()
    auth = db.session.scalar(select(Site.auth)) if schema else None
    if schema is None or auth is None:
        raise Conflict("no_site", "The database contains no site yet, so there is nothing to back up.")
    manifest = Manifest(
        what=archive.FORMAT_NAME,
        format=archive.FORMAT,
        made_at=clock.to_text(now),
        version=pointsync_version,
        schema=schema,
        database=SQLITE if state.config.is_sqlite else POSTGRESQL,
        site=general.get_site_name(db.session(), state.config),
        proof=state.vault.encrypt(archive.FORMAT_NAME),
        auth=auth,
        last_seq=Movement.get_last_seq(db.session()),
    )
    if path.exists():
        _refuse_to_lose(path, manifest)
    db.session.remove()
    secret = get_generated_secret(state.config) if with_secret else None
    with tempfile.TemporaryDirectory(prefix=".", suffix=PARTIAL_SUFFIX, dir=path.parent) as folder:
        copy = Path(folder) / archive.DATABASE_NAME
        _copy_database(state.config, copy, on_progress)
        with atomic_binary_file(path) as file:
            archive.write(file, manifest, copy, secret, lambda done, total: on_progress("packed", done, total))
    log.info("a backup was made: %s", path, extra={"file": str(path)})
    _remember(path, now)
    return manifest, secret is not None


def _remember(path: Path, now: datetime) -> None:
    """Store that there is this backup: if somebody is erased later, the receipt names it."""
    made_at, name = now, str(path.absolute())[:MAX_MESSAGE_LENGTH]

    def save(session: Session) -> None:
        known = session.scalar(select(BackupFile).where(BackupFile.path == name))
        if known is None:
            session.add(BackupFile(path=name, made_at=made_at))
        else:
            known.made_at = made_at
        session.flush()

    try:
        if db.is_current():
            db.run_in_transaction(save)
    except (db.DatabaseBusy, SQLAlchemyError):
        log.warning("the backup is complete, but could not be added to this site's list of backups")
    finally:
        # A command that needs the database for itself may follow in this process.
        db.session.remove()
        db.get_engine().dispose()


def _refuse_to_lose(path: Path, new: Manifest) -> None:
    """Raise Conflict if the existing file is worth more than the backup that would replace it.

    The database may be a new and empty one, another site's, or an older state, because something went wrong with the
    real one. Then that file may be all that is left.
    """
    if not path.stat().st_size:
        return
    try:
        old = archive.read(path)
    except BadBackup as error:
        if error.is_damaged:
            return
        raise Conflict("not_a_backup", f"It {error.message}, so it is not replaced. {KEEP_ADVICE}") from error
    known = old.manifest
    if known.auth is None or known.last_seq is None:
        is_same_site = old.can_be_decrypted_by(get_runtime().vault) and new.last_seq
        reason = None if is_same_site else "It may be a backup of another site"
    elif known.auth != new.auth:
        reason = f"It is a backup of another site ({known.auth})"
    else:
        has_more = known.last_seq > (new.last_seq or 0)
        reason = f"It has movements that this database no longer has (up to {known.last_seq:,})" if has_more else None
    if reason:
        raise Conflict("keeps_backup", f"{reason}, so it is not replaced. {KEEP_ADVICE}")


def get_generated_secret(config: Config) -> str | None:
    """The secret key that PointSync has generated for this site; None if the operator has set another one."""
    secret_path = config.data / archive.SECRET_NAME
    return config.secret_key if secret_path.is_file() and secret_path.read_text().strip() == config.secret_key else None


def database_path(config: Config) -> Path:
    """The path of the SQLite database."""
    assert config.database_path
    return config.database_path


def _copy_database(config: Config, copy: Path, on_progress: ProgressCallback) -> None:
    if not config.is_sqlite:
        pg_tools.dump(config.database_url, copy)
        return
    sqlite_file.copy(database_path(config), copy, lambda done, total: on_progress("copied", done, total))
    if fault := sqlite_file.find_damage(copy):
        raise archive.BadBackup(f"would be damaged, because the database is: {fault}")
