"""Writing files atomically, and surviving power cuts."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TextIO

PARTIAL_SUFFIX = ".part"
"""The end of the names of unfinished files; the names begin with a dot."""

TIMESTAMP_FORMAT = "%Y%m%dT%H%M%SZ"
"""For file names, in UTC. Names sort in the order of time."""


PRIVATE_UMASK = 0o077


@contextmanager
def private_umask() -> Iterator[None]:
    """Create all files of this process so that only its own account can read them, also those of libraries."""
    previous = os.umask(PRIVATE_UMASK)
    try:
        yield
    finally:
        os.umask(previous)


def open_private(path: str, flags: int) -> int:
    """An `opener` for `open` that creates the file with mode 600. An existing file keeps its mode."""
    return os.open(path, flags, 0o600)


def is_readable_by_others(path: Path) -> bool:
    """Whether every account of this machine can read the file; False if it does not exist."""
    try:
        is_reachable = all(folder.stat().st_mode & 0o001 for folder in path.absolute().parents)
        return is_reachable and bool(path.stat().st_mode & 0o004)
    except FileNotFoundError:
        return False


@contextmanager
def atomic_text_file(path: Path) -> Iterator[TextIO]:
    """Write a text file (UTF-8, mode 600, line ends unchanged) that appears at `path` when the block ends.

    If the block raises, an existing file stays as it is. Raises OSError, and ValueError for an invalid path.
    """
    with _atomic_file(path, "w", encoding="utf-8", newline="") as file:
        yield file


@contextmanager
def atomic_binary_file(path: Path) -> Iterator[BinaryIO]:
    """The same for bytes; the block can also read the file."""
    with _atomic_file(path, "w+b") as file:
        yield file


@contextmanager
def _atomic_file(path: Path, mode: str, **open_options: Any) -> Iterator[Any]:
    descriptor, temporary_path = tempfile.mkstemp(prefix=".", suffix=PARTIAL_SUFFIX, dir=path.parent)
    try:
        with open(descriptor, mode, **open_options) as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary_path, path)
        fsync_path(path.parent)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary_path)


def find_free_path(path: Path, now: datetime) -> Path:
    """`path` with the time added to its name, and a number if that file exists."""
    dated_path = path.with_name(f"{path.name}-{now.strftime(TIMESTAMP_FORMAT)}")
    free_path, number = dated_path, 1
    while free_path.exists():
        number += 1
        free_path = dated_path.with_name(f"{dated_path.name}-{number}")
    return free_path


def fsync_path(path: Path) -> None:
    """Write a file's content, or a folder's entries, to the disk, so that they survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
