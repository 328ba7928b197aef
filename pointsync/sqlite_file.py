"""An SQLite database as a file: copied while others write to it, proved, found in use."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from pointsync.files import PARTIAL_SUFFIX, fsync_path

PAGES_PER_STEP = 2_000
"""Copied in one step; between two steps it is told how far the copy is."""
BUSY_TIMEOUT_SECONDS = 30.0
MAX_COPIES = 3
MEGABYTE = 1_048_576
RESERVED_BYTES = 16 * MEGABYTE
TIMESTAMP_FORMAT = "%Y%m%dT%H%M%SZ"
"""In UTC; 16 characters, which are in order as the moments are."""

ProgressCallback = Callable[[int, int], None]
"""Told how much is done, of how much; what it raises ends the work."""


def copy(source: Path, target: Path, on_progress: ProgressCallback) -> None:
    """Copy what `source` holds at this moment to `target`, an empty file or none, which is then one file by itself.

    Others go on reading and writing meanwhile. One transaction is read from the first page to the last: without
    it the copy would begin again at each write of another process. Raises sqlite3.Error.
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
        # The copy says of itself that it has a log beside it, as the source has.
        target_connection.execute("PRAGMA journal_mode=DELETE")


def find_damage(path: Path) -> str | None:
    """What is wrong with a database that nobody writes to; None where all of it is as SQLite has written it."""
    try:
        with closing(_connect(path, "ro")) as connection:
            [[result]] = connection.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.Error as error:
        return str(error)
    return None if result == "ok" else str(result)


def is_in_use(path: Path) -> bool:
    """Whether another process, or another connection of this one, has the database open.

    Where none has, what its log held is in the file itself afterwards. SQLite lets only who is alone with a
    database take its log away. Raises sqlite3.DatabaseError where the file is no database, or damaged.
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
    """A copy of a database beside it, mode 600, named by why and when it was made; the last few of its kind are kept.

    Raises OSError where there is no room, sqlite3.Error where it is damaged.
    """
    needed_bytes = sum(each.stat().st_size for each in (path, Path(f"{path}-wal")) if each.exists()) + RESERVED_BYTES
    if (free_bytes := shutil.disk_usage(path.parent).free) < needed_bytes:
        raise OSError(f"it needs {needed_bytes // MEGABYTE:,} MB, and {free_bytes // MEGABYTE:,} MB are free")
    copy_path = path.with_name(f"{path.name}.{label}-{now.strftime(TIMESTAMP_FORMAT)}")
    descriptor, temporary_name = tempfile.mkstemp(prefix=".", suffix=PARTIAL_SUFFIX, dir=path.parent)
    os.close(descriptor)
    try:
        copy(path, Path(temporary_name), lambda _done, _total: None)
        if damage := find_damage(Path(temporary_name)):
            raise sqlite3.DatabaseError(f"it is damaged ({damage}); restore a backup")
        fsync_path(Path(temporary_name))
        os.replace(temporary_name, copy_path)
        fsync_path(path.parent)
    finally:
        for leftover in Path(temporary_name).parent.glob(f"{Path(temporary_name).name}*"):
            leftover.unlink()
    # Their names end with the moment, before which the version stands.
    copies = sorted(path.parent.glob(f"{path.name}.{label.rpartition('-')[0]}-*"), key=lambda each: each.name[-16:])
    for each in copies[:-MAX_COPIES]:
        each.unlink()
    return copy_path


def _connect(path: Path, mode: str = "rw", timeout_seconds: float = BUSY_TIMEOUT_SECONDS) -> sqlite3.Connection:
    """A connection to a file that is there: SQLite would make a missing one."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=timeout_seconds, isolation_level=None)
