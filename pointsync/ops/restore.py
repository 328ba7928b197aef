"""Restores: replace the database with a backup and keep the old one. The site sends nothing until an admin decides."""

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

from pointsync import db, key_file
from pointsync.config import Config
from pointsync.crypto import Vault
from pointsync.db import DatabaseBusy, is_known_revision, sqlite_file, transaction, upgrade_lock
from pointsync.errors import ConfigError, Conflict
from pointsync.files import PARTIAL_SUFFIX, atomic_text_file, find_free_path, fsync_path, give_to_folder_owner
from pointsync.ops import archive, in_use, pg_tools
from pointsync.ops.archive import POSTGRESQL, SQLITE, Archive, BadBackup
from pointsync.ops.backup import ProgressCallback, database_path, get_generated_secret
from pointsync.runtime import get_runtime
from pointsync.web import secret_key

log = logging.getLogger(__name__)

HOLD_SQL = "UPDATE site SET hold = coalesce(hold, :reason)"
SIGN_OUT_SQL = "DELETE FROM sign_in"
"""Otherwise admins who have signed out since would be signed in again."""
RECHECK_REMOTES_SQL = "UPDATE remote SET checked_at = NULL"
"""Check all remotes at once: they know which ids of this site were lost, and the admin's decision must cover all."""
SQLITE_SIDE_FILES = ("-wal", "-shm", "-journal")
"""SQLite's files next to the database. Those of the old database must not be used with the restored one."""


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """The result of a restore. `kept_paths` are the files that were replaced, under their new names."""

    archive: Archive
    kept_paths: tuple[Path, ...]
    has_new_secret: bool
    needs_key_rotation: bool
    """Whether the database uses POINTSYNC_SECRET_KEY_OLD, so that the site cannot start before `rotate-key`."""
    hold_reason: str


def restore(path: Path, now: datetime, on_progress: ProgressCallback) -> RestoreResult:
    """Replace this site's database with the one in a backup. The old one is kept next to it, with the time in its name.

    Raises BadBackup if the file is not a backup, is damaged or is of a newer version; Conflict if the site is running,
    has another secret key, or uses a PostgreSQL database that is not empty; OSError if a file cannot be written. Then
    nothing has changed.
    """
    with suppress(ConfigError, SQLAlchemyError):  # a damaged database may be the reason for the restore
        secret_key.verify_key()
    in_use.close_connections()
    config = get_runtime().config
    backup = archive.read(path)
    if not is_known_revision(backup.manifest.schema):
        raise BadBackup(
            f"was made by a newer PointSync ({backup.manifest.version}); install that version, then restore it"
        )
    kind = SQLITE if config.is_sqlite else POSTGRESQL
    if backup.manifest.database != kind:
        raise Conflict(
            "other_database",
            f"This backup is of a {backup.manifest.database} database, but this site uses {kind}. Set "
            "POINTSYNC_DATABASE_URL to a database of the same kind as the backup.",
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
    """The secret key to restore with the database; None if this site already has it. Raises Conflict."""
    vaults = [get_runtime().vault, *([Vault(config.secret_key_old)] if config.secret_key_old else [])]
    if any(backup.can_be_decrypted_by(vault) for vault in vaults):
        return None
    if backup.secret is None or not backup.can_be_decrypted_by(Vault(backup.secret)):
        raise Conflict(
            "other_secret",
            "This backup needs another POINTSYNC_SECRET_KEY, which the backup does not contain. Set the key with which "
            f"the backup was made, or put it into the file {config.data / archive.SECRET_NAME}. If the key was changed "
            "since, set it as POINTSYNC_SECRET_KEY_OLD.",
        )
    if get_generated_secret(config) is None:
        raise Conflict(
            "other_secret",
            "This backup was made with another secret key than POINTSYNC_SECRET_KEY. Remove that setting to use the "
            "key in the backup. If the key was changed since, set the old one as POINTSYNC_SECRET_KEY_OLD.",
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
        give_to_folder_owner(extracted, path.parent)
        fsync_path(extracted)
        in_use.refuse_if_file_in_use(path)
        kept_paths = _keep_old_database(path, now)
        kept_paths += _write_secret(config, secret, now)
        os.replace(extracted, path)
        fsync_path(path.parent)
    return kept_paths


def _keep_old_database(path: Path, now: datetime) -> tuple[Path, ...]:
    """Link the old database to a second name, so that a process that starts meanwhile does not create a new one."""
    if not path.exists():
        return ()
    kept_path = _free_path(path, now)
    for suffix in SQLITE_SIDE_FILES:
        with suppress(FileNotFoundError):
            os.rename(f"{path}{suffix}", f"{kept_path}{suffix}")
    os.link(path, kept_path)
    return (kept_path,)


def _write_secret(config: Config, secret: str | None, now: datetime) -> tuple[Path, ...]:
    """Replace the secret key with the one of the backup. The old one is kept: the old database needs it."""
    if secret is None:
        return ()
    path = config.data / archive.SECRET_NAME
    kept_path = _free_path(path, now)
    os.link(path, kept_path)
    with atomic_text_file(path) as file:
        file.write(secret)
    return (kept_path,)


def _keep_next_key(config: Config, now: datetime) -> tuple[Path, ...]:
    """Keep the next key of an interrupted rotation that `verify_key` could not finish: the old database may need it."""
    next_key_path = config.data / key_file.NEXT_KEY_FILE
    if not next_key_path.exists():
        return ()
    kept_path = _free_path(next_key_path, now)
    os.rename(next_key_path, kept_path)
    return (kept_path,)


def _free_path(path: Path, now: datetime) -> Path:
    return find_free_path(path.with_name(f"{path.name}.before-restore"), now)


def _restore_postgresql(
    config: Config, backup: Archive, secret: str | None, hold_reason: str, now: datetime, on_progress: ProgressCallback
) -> tuple[Path, ...]:
    """Restore into an empty database only: so the old database is kept."""
    if inspect(db.get_engine()).get_table_names():
        raise Conflict(
            "not_empty",
            "A backup can only be restored into an empty PostgreSQL database. Create one with createdb, and set "
            "POINTSYNC_DATABASE_URL to it. The current database stays as it is.",
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
        raise Conflict(
            "busy", "The connection to the database was lost during the restore. Restore into another empty database."
        ) from error
    return _write_secret(config, secret, now)
