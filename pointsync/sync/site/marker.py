"""The marker file beside the database: which database it is, and how far it has come. It reveals older states."""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.orm import Session

from pointsync.errors import ConfigError
from pointsync.files import describe_owner, open_private
from pointsync.models import Movement, Site

MARKER_FILE = "marker"


class DatabaseMarker(NamedTuple):
    """What distinguishes a database from its copies and earlier states. `token` is None if the marker is missing."""

    token: str | None
    last_id: int = 0
    last_seq: int = 0
    call: int = 0

    def raised_to(self, other: "DatabaseMarker") -> "DatabaseMarker":
        """The token of the other one, and the higher one of each number."""
        return DatabaseMarker(other.token, *map(max, self[1:], other[1:]))


def of_database(session: Session, site: Site) -> DatabaseMarker:
    """The marker of the database as it is now."""
    return DatabaseMarker(site.marker, site.last_id, Movement.get_last_seq(session), site.call)


def read(data_dir: Path) -> DatabaseMarker:
    """The stored marker. Markers of earlier versions lack the last numbers. Raises ConfigError if it is unreadable."""
    try:
        parts = (data_dir / MARKER_FILE).read_text().split()
        return DatabaseMarker(parts[0] if parts else None, *map(int, parts[1:4]))
    except FileNotFoundError:
        return DatabaseMarker(None)
    except OSError as error:
        path = data_dir / MARKER_FILE
        raise ConfigError(
            f"{path}, the marker of the database, cannot be read: {describe_owner(path)}. Let this account read it"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{data_dir / MARKER_FILE} cannot be read. Put back the file from the last backup") from error


def advance(data_dir: Path, marker: DatabaseMarker) -> None:
    """Raise the numbers of the stored marker; they are never lowered. The marker of another database is kept."""
    with _locked(data_dir):
        stored = read(data_dir)
        raised = stored.raised_to(marker)
        if stored.token in (None, marker.token) and raised != stored:
            _write(data_dir, raised)


def replace(data_dir: Path, marker: DatabaseMarker) -> None:
    """Store the marker, whatever was stored before."""
    with _locked(data_dir):
        _write(data_dir, marker)


def _write(data_dir: Path, marker: DatabaseMarker) -> None:
    """Replace the file atomically, so that after a power failure there is the old or the new one."""
    temporary_path = data_dir / f"{MARKER_FILE}.{os.getpid()}.{threading.get_ident()}"
    with open(temporary_path, "w", opener=open_private) as file:
        print(*marker, file=file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary_path, data_dir / MARKER_FILE)


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """One process at a time, so that none stores what is older than the marker of another one."""
    descriptor = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
