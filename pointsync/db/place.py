"""Where a database is: its place stays the same over restarts, and a copy has another one.

SQLite: the inode of the file, and the id of the file system where that never changes. Device numbers are not part of
it, because they change with a reboot, a new mount or an overlay of a container, while the inode of an existing file
does not. PostgreSQL: the identifier of the server's data and the id of the database in it.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

MOUNTS_FILE = Path("/proc/self/mountinfo")
_INFO_KEY = "pointsync_place"
_OCTAL = re.compile(r"\\([0-7]{3})")
_TEMPORARY_INODES = ("cifs", "exfat", "fuse", "msdos", "smb3", "vboxsf", "vfat")
"""File systems whose drivers make up inode numbers at each mount, also with a suffix such as `fuse.sshfs`."""
_FIXED_IDS = ("btrfs", "ext2", "ext3", "ext4")
"""File systems whose id is made from their UUID. Others use a device number, or an id of each mount."""
_OF = " of "
_POSTGRESQL_SQL = """
SELECT oid, extract(epoch FROM pg_postmaster_start_time()) FROM pg_database WHERE datname = current_database()
"""
_SERVER_SQL = """
SELECT system_identifier, CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END
  FROM pg_control_system()
"""
"""The identifier of the server's data, and its time line."""
_NOT_AVAILABLE = ("42501", "42883", "0A000", "55000")
"""SQLSTATE of a server that does not allow or know a function: some hosted ones hide what is below the database."""


@dataclass(frozen=True, slots=True)
class Place:
    """`name` is the database's place, empty if it cannot be known. `opening` changes with each start of a server.

    A name can end with `of` and the id of a file system or server, which is compared only if both names have one.
    """

    name: str
    opening: str = ""

    def __str__(self) -> str:
        return f"{self.name}|{self.opening}"

    def is_elsewhere(self, stored: "Place") -> bool:
        """Whether this is certainly another place than the stored one."""
        (name, _, system), (stored_name, _, stored_system) = (each.name.partition(_OF) for each in (self, stored))
        is_other_system = bool(system and stored_system and system != stored_system)
        return bool(name and stored_name) and (name != stored_name or is_other_system)


def parse(stored: str | None) -> Place:
    """The place that was stored with `str`."""
    name, _, opening = (stored or "").partition("|")
    return Place(name, opening)


def of(session: Session) -> Place:
    """The place of the database that this session works on, read when its connection was opened."""
    found: Place = session.connection().info.get(_INFO_KEY, Place(""))
    return found


def watch_connections(engine: Engine) -> None:
    """Read the place whenever the engine opens a connection; this takes some microseconds, or one query."""
    is_sqlite = engine.dialect.name == "sqlite"

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, record: Any) -> None:
        record.info[_INFO_KEY] = _of_file(Path(str(engine.url.database))) if is_sqlite else _of_postgresql(connection)


def _of_file(path: Path) -> Place:
    # The file must not be opened here: closing it would release SQLite's locks on it in this process.
    try:
        inode, file_system_id = path.stat().st_ino, os.statvfs(path).f_fsid
    except OSError:
        return Place("")
    kind = _file_system(path)
    if kind.partition(".")[0] in _TEMPORARY_INODES:
        return Place("")
    return Place(f"inode {inode}{_OF}{file_system_id:x}" if kind in _FIXED_IDS else f"inode {inode}")


def _file_system(path: Path) -> str:
    """The type of the file system that holds the file; empty if this system does not say."""
    try:
        lines = MOUNTS_FILE.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ""
    folder, longest, found = os.path.realpath(path.parent), -1, ""
    for line in lines:
        mount, _, rest = line.partition(" - ")
        # Spaces and backslashes are written as octal numbers; see proc_pid_mountinfo(5).
        point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), mount.split()[4])
        is_above = folder == point or folder.startswith(point.rstrip("/") + "/")
        if is_above and len(point) >= longest:  # of several mounts at one point, the last one is on top
            longest, found = len(point), rest.split()[0]
    return found


def _of_postgresql(connection: Any) -> Place:
    database_id, started_at = connection.execute(_POSTGRESQL_SQL).fetchone()
    try:
        server_id, time_line = connection.execute(_SERVER_SQL).fetchone()
    except Exception as error:
        if getattr(error, "sqlstate", None) not in _NOT_AVAILABLE:
            raise
        server_id = time_line = None
    connection.rollback()
    name = f"postgresql database {database_id}" + (f"{_OF}{server_id}" if server_id else "")
    return Place(name, f"{time_line or ''} {started_at}")
