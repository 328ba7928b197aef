"""SQLite database files: copying them while they are in use, checking them, and detecting use."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from pointsync.files import TIMESTAMP_FORMAT, fsync_path, make_temporary_file

PAGES_PER_STEP = 2_000
"""Pages copied between two progress reports."""
BUSY_TIMEOUT_SECONDS = 30.0
MAX_COPIES = 3
MEGABYTE = 1_048_576
RESERVED_BYTES = 16 * MEGABYTE

ProgressCallback = Callable[[int, int], None]
"""Called with the part that is done and the total; an exception from it ends the copy."""


def copy(source: Path, target: Path, on_progress: ProgressCallback) -> None:
    """Copy the current content of `source` to `target`, which is missing or empty, as a single file.

    Others can read and write meanwhile. The copy reads in one transaction; otherwise it would start again after each
    write of another process. Raises sqlite3.Error.
    """
    with closing(_connect(source)) as source_connection, closing(sqlite3.connect(target)) as target_connection:
        source_connection.execute("BEGIN")
        source_connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source_connection.backup(
            target_connection,
            pages=PAGES_PER_STEP,
            progress=lambda _status, left, total: on_progress(total - left, total),
        )
        source_connection.rollback()
        # The copied header says that the database uses a WAL file, as the source does.
        target_connection.execute("PRAGMA journal_mode=DELETE")


def find_damage(path: Path) -> str | None:
    """What SQLite's integrity check finds in a database that nobody writes to; None if it is intact."""
    try:
        with closing(_connect(path, "ro")) as connection:
            [[result]] = connection.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.Error as error:
        return str(error)
    return None if result == "ok" else str(result)


def is_in_use(path: Path) -> bool:
    """Whether another process, or another connection of this one, has the database open.

    Tries to remove the WAL file, which SQLite allows only to the single user of a database; if this succeeds, its
    content is in the main file afterwards. Raises sqlite3.DatabaseError if the file is not a database, or is damaged.
    """
    with closing(_connect(path, timeout_seconds=0)) as connection:
        try:
            [[mode]] = connection.execute("PRAGMA journal_mode=DELETE").fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return True
            raise
    return bool(mode != "delete")


def create_copy(path: Path, label: str, now: datetime) -> Path:
    """Copy a database (mode 600) into the same folder, named by `label` and time; keeps the last three of its kind.

    Raises OSError if there is too little space, sqlite3.Error if the database is damaged.
    """
    needed_bytes = sum(each.stat().st_size for each in (path, Path(f"{path}-wal")) if each.exists()) + RESERVED_BYTES
    if (free_bytes := shutil.disk_usage(path.parent).free) < needed_bytes:
        raise OSError(f"it needs {needed_bytes // MEGABYTE:,} MB, but only {free_bytes // MEGABYTE:,} MB are free")
    copy_path = path.with_name(f"{path.name}.{label}-{now.strftime(TIMESTAMP_FORMAT)}")
    descriptor, temporary_path = make_temporary_file(path.parent)
    os.close(descriptor)
    try:
        copy(path, temporary_path, lambda _done, _total: None)
        if damage := find_damage(temporary_path):
            raise sqlite3.DatabaseError(f"it is damaged ({damage}); restore a backup")
        fsync_path(temporary_path)
        os.replace(temporary_path, copy_path)
        fsync_path(path.parent)
    finally:
        for leftover in path.parent.glob(f"{temporary_path.name}*"):
            leftover.unlink()
    # The names end with the time; before it there is the version, which is ignored here.
    copies = sorted(path.parent.glob(f"{path.name}.{label.rpartition('-')[0]}-*"), key=lambda each: each.name[-16:])
    for each in copies[:-MAX_COPIES]:
        each.unlink()
    return copy_path


def _connect(path: Path, mode: str = "rw", timeout_seconds: float = BUSY_TIMEOUT_SECONDS) -> sqlite3.Connection:
    """A connection to an existing file; by default, SQLite would create a missing one."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=timeout_seconds, isolation_level=None)
