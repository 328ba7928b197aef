"""An SQLite database as a file: copied while others write to it, proved, found in use."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from pointsync.files import PARTIAL, sync

PAGES = 2_000
"""Copied in one step; between two steps it is told how far the copy is."""
PATIENCE_SECONDS = 30.0
COPIES = 3
MEGABYTE = 1_048_576
SPARE_BYTES = 16 * MEGABYTE
MOMENT = "%Y%m%dT%H%M%SZ"
"""In UTC; 16 characters, which are in order as the moments are."""

Tell = Callable[[int, int], None]
"""Told how much is done, of how much; what it raises ends the work."""


def copy(source: Path, target: Path, tell: Tell) -> None:
    """Copy what `source` holds at this moment to `target`, an empty file or none, which is then one file by itself.

    Others go on reading and writing meanwhile. One transaction is read from the first page to the last: without
    it the copy would begin again at each write of another process. Raises sqlite3.Error.
    """
    with closing(_connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.execute("BEGIN")
        here.execute("SELECT count(*) FROM sqlite_master").fetchone()
        here.backup(there, pages=PAGES, progress=lambda _status, left, total: tell(total - left, total))
        here.rollback()
        # The copy says of itself that it has a log beside it, as the source has.
        there.execute("PRAGMA journal_mode=DELETE")


def fault(path: Path) -> str | None:
    """What is wrong with a database that nobody writes to; None where all of it is as SQLite has written it."""
    try:
        with closing(_connect(path, "ro")) as connection:
            [[said]] = connection.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.Error as error:
        return str(error)
    return None if said == "ok" else str(said)


def is_in_use(path: Path) -> bool:
    """Whether another process, or another connection of this one, has the database open.

    Where none has, what its log held is in the file itself afterwards. SQLite lets only who is alone with a
    database take its log away. Raises sqlite3.DatabaseError where the file is no database, or damaged.
    """
    with closing(_connect(path, seconds=0)) as connection:
        try:
            [[mode]] = connection.execute("PRAGMA journal_mode=DELETE").fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return True
            raise
    return bool(mode != "delete")


def keep_copy(path: Path, why: str, now: datetime) -> Path:
    """A copy of a database beside it, mode 600, named by why and when it was made; the last few of its kind are kept.

    Raises OSError where there is no room, sqlite3.Error where it is damaged.
    """
    needed = sum(each.stat().st_size for each in (path, Path(f"{path}-wal")) if each.exists()) + SPARE_BYTES
    if (free := shutil.disk_usage(path.parent).free) < needed:
        raise OSError(f"it needs {needed // MEGABYTE:,} MB, and {free // MEGABYTE:,} MB are free")
    kept = path.with_name(f"{path.name}.{why}-{now.strftime(MOMENT)}")
    number, name = tempfile.mkstemp(prefix=".", suffix=PARTIAL, dir=path.parent)
    os.close(number)
    try:
        copy(path, Path(name), lambda _done, _total: None)
        if said := fault(Path(name)):
            raise sqlite3.DatabaseError(f"it is damaged ({said}); restore a backup")
        sync(Path(name))
        os.replace(name, kept)
        sync(path.parent)
    finally:
        for left in Path(name).parent.glob(f"{Path(name).name}*"):
            left.unlink()
    # Their names end with the moment, before which the version stands.
    older = sorted(path.parent.glob(f"{path.name}.{why.rpartition('-')[0]}-*"), key=lambda each: each.name[-16:])
    for each in older[:-COPIES]:
        each.unlink()
    return kept


def _connect(path: Path, mode: str = "rw", seconds: float = PATIENCE_SECONDS) -> sqlite3.Connection:
    """A connection to a file that is there: SQLite would make a missing one."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=seconds, isolation_level=None)
