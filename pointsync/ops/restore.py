"""A restore: a backup put in the database's place, which stays beside it; what comes back sends nothing at first."""

import logging
import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.exc import SQLAlchemyError

from pointsync import db, key_file, sqlite_file
from pointsync.config import Config
from pointsync.crypto import Vault
from pointsync.db import DatabaseBusy, is_known_revision, transaction, upgrade_lock
from pointsync.errors import ConfigError, Conflict
from pointsync.files import PARTIAL_SUFFIX, atomic_text_file, fsync_path
from pointsync.ops import archive, in_use, pg_tools
from pointsync.ops.archive import POSTGRESQL, SQLITE, Archive, BadBackup
from pointsync.ops.backup import ProgressCallback, database_path, get_generated_secret
from pointsync.runtime import get_runtime
from pointsync.web import secret_key

log = logging.getLogger(__name__)

HOLD_SQL = "UPDATE site SET hold = coalesce(hold, :reason)"
SIGN_OUT_SQL = "DELETE FROM sign_in"
"""Whoever has signed out since would be signed in again."""
RECHECK_REMOTES_SQL = "UPDATE remote SET checked_at = NULL"
"""What each remote holds of this site is asked at once, so that the admin's word covers all ids that were lost."""
SQLITE_SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside its file; of another database it would be taken for this one's."""


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """What came of it: what was restored, where what was there before lies now, and why nothing is sent."""

    archive: Archive
    kept_paths: tuple[Path, ...]
    has_new_secret: bool
    needs_key_rotation: bool
    """Whether it is encrypted with POINTSYNC_SECRET_KEY_OLD, so that nothing starts before that is changed."""
    hold_reason: str


def restore(path: Path, now: datetime, on_progress: ProgressCallback) -> RestoreResult:
    """Put the database of a backup in the place of this site's, which is kept beside it under a name with the time.

    Raises BadBackup for a file that is no backup, damaged or of a newer version; Conflict where the site runs, where
    this place has another secret, or where a PostgreSQL database is not empty; OSError where nothing can be written.
    Nothing has changed then.
    """
    with suppress(ConfigError, SQLAlchemyError):  # of a database that is damaged or another's, perhaps why this is done
        secret_key.verify_key()
    in_use.close_connections()
    config = get_runtime().config
    backup = archive.read(path)
    if not is_known_revision(backup.manifest.schema):
        raise BadBackup(f"was made by a newer PointSync ({backup.manifest.version}); install that one, then restore it")
    kind = SQLITE if config.is_sqlite else POSTGRESQL
    if backup.manifest.database != kind:
        raise Conflict(
            "other_database",
            f"This backup is of a database on {backup.manifest.database}, and this site's is on {kind}: set "
            "POINTSYNC_DATABASE_URL to one of that kind.",
        )
    secret = _choose_secret(config, backup)
    hold_reason = f"The database was restored from the backup of {backup.manifest.made_at}."
    if config.is_sqlite:
        kept_paths = _restore_sqlite(config, backup, secret, hold_reason, now, on_progress)
    else:
        kept_paths = _restore_postgresql(config, backup, secret, hold_reason, now, on_progress)
    kept_paths += _keep_next_key(config, now)
    log.info("a backup was restored: %s", path, extra={"file": str(path)})
    needs_key_rotation = secret is None and not backup.can_be_decrypted_by(get_runtime().vault)
    return RestoreResult(backup, kept_paths, secret is not None, needs_key_rotation, hold_reason)


def _choose_secret(config: Config, backup: Archive) -> str | None:
    """The secret that has to come with the database; None where this place has it. Raises Conflict."""
    vaults = [get_runtime().vault, *([Vault(config.secret_key_old)] if config.secret_key_old else [])]
    if any(backup.can_be_decrypted_by(vault) for vault in vaults):
        return None
    if backup.secret is None or not backup.can_be_decrypted_by(Vault(backup.secret)):
        raise Conflict(
            "other_secret",
            "POINTSYNC_SECRET_KEY is not the one this backup's database was made with, and the backup does not hold "
            f"that: give it back, by the setting or as the file {config.data / archive.SECRET_NAME}; or, if the key was "
            "changed since, as POINTSYNC_SECRET_KEY_OLD.",
        )
    if get_generated_secret(config) is None:
        raise Conflict(
            "other_secret",
            "POINTSYNC_SECRET_KEY is set, and to another one than this backup's database was made with: take the "
            "setting away, and the secret in the backup is used; or, if the key was changed since, set the one before "
            "as POINTSYNC_SECRET_KEY_OLD.",
        )
    return backup.secret


def _restore_sqlite(
    config: Config, backup: Archive, secret: str | None, hold_reason: str, now: datetime, on_progress: ProgressCallback
) -> tuple[Path, ...]:
    path = database_path(config)
    with upgrade_lock(), tempfile.TemporaryDirectory(prefix=".", suffix=PARTIAL_SUFFIX, dir=path.parent) as folder:
        in_use.refuse_if_file_in_use(path)
        extracted = Path(folder) / archive.DATABASE_NAME
        backup.extract_database(extracted, lambda done, total: on_progress("unpacked", done, total))
        if sqlite_file.find_damage(extracted):
            raise BadBackup("is damaged; take another backup")
        with closing(sqlite3.connect(extracted, isolation_level=None)) as connection:
            connection.execute(HOLD_SQL, {"reason": hold_reason})
            connection.execute(SIGN_OUT_SQL)
            connection.execute(RECHECK_REMOTES_SQL)
        extracted.chmod(0o600)
        fsync_path(extracted)
        in_use.refuse_if_file_in_use(path)
        kept_paths = _keep_old_database(path, now)
        kept_paths += _write_secret(config, secret, now)
        os.replace(extracted, path)
        fsync_path(path.parent)
    return kept_paths


def _keep_old_database(path: Path, now: datetime) -> tuple[Path, ...]:
    """Give what is there another name as well: at no moment is there no database, for a new one would be made."""
    if not path.exists():
        return ()
    kept_path = _find_free_path(path, now)
    for suffix in SQLITE_SIDE_FILES:
        with suppress(FileNotFoundError):
            os.rename(f"{path}{suffix}", f"{kept_path}{suffix}")
    os.link(path, kept_path)
    return (kept_path,)


def _write_secret(config: Config, secret: str | None, now: datetime) -> tuple[Path, ...]:
    """The secret of the backup, in the place of this one's, which is kept for the database that it belongs to."""
    if secret is None:
        return ()
    path = config.data / archive.SECRET_NAME
    kept_path = _find_free_path(path, now)
    os.link(path, kept_path)
    with atomic_text_file(path) as file:
        file.write(secret)
    return (kept_path,)


def _keep_next_key(config: Config, now: datetime) -> tuple[Path, ...]:
    """Left where a change of the key was cut short and the database could not be asked: it may open what was there."""
    next_key_path = config.data / key_file.NEXT_KEY_FILE
    if not next_key_path.exists():
        return ()
    kept_path = _find_free_path(next_key_path, now)
    os.rename(next_key_path, kept_path)
    return (kept_path,)


def _find_free_path(path: Path, now: datetime) -> Path:
    """A name beside `place` that says when it was put aside, and is not taken."""
    candidate = path.with_name(f"{path.name}.before-restore-{now.strftime(sqlite_file.TIMESTAMP_FORMAT)}")
    number = 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}.before-restore-{now.strftime(sqlite_file.TIMESTAMP_FORMAT)}-{number}")
    return candidate


def _restore_postgresql(
    config: Config, backup: Archive, secret: str | None, hold_reason: str, now: datetime, on_progress: ProgressCallback
) -> tuple[Path, ...]:
    """Into an empty database alone: so the present one stays beside it by itself."""
    if inspect(db.get_engine()).get_table_names():
        raise Conflict(
            "not_empty",
            "A backup is restored into an empty PostgreSQL database: make a new one with createdb, and name it in "
            "POINTSYNC_DATABASE_URL. The present one stays as it is.",
        )
    with tempfile.TemporaryDirectory(prefix=".", suffix=PARTIAL_SUFFIX, dir=config.data) as folder:
        extracted = Path(folder) / archive.DATABASE_NAME
        backup.extract_database(extracted, lambda done, total: on_progress("unpacked", done, total))
        pg_tools.restore(config.database_url, extracted)
    try:
        with transaction() as session:
            session.execute(text(HOLD_SQL), {"reason": hold_reason})
            session.execute(text(SIGN_OUT_SQL))
            session.execute(text(RECHECK_REMOTES_SQL))
    except DatabaseBusy as error:
        raise Conflict("busy", "The database went away amid the restore; restore into another empty one.") from error
    return _write_secret(config, secret, now)
