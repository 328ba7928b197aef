"""Files that others read: there whole, or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TextIO

PARTIAL = ".part"
"""How the name of one ends that is being written; it begins with a dot."""


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A text file (UTF-8, its ends of lines as they are written), mode 600, that is at `path` once it is whole.

    Else it never was, and what was there stays. Raises OSError, and ValueError for a path that cannot be one.
    """
    with _whole(path, "w", encoding="utf-8", newline="") as file:
        yield file


@contextmanager
def whole_bytes(path: Path) -> Iterator[BinaryIO]:
    """The same for bytes, which may be read again before it is whole."""
    with _whole(path, "w+b") as file:
        yield file


@contextmanager
def _whole(path: Path, mode: str, **how: Any) -> Iterator[Any]:
    number, name = tempfile.mkstemp(prefix=".", suffix=PARTIAL, dir=path.parent)
    try:
        with open(number, mode, **how) as file:
            yield file
            file.flush()
            os.fsync(number)
        os.replace(name, path)
        sync(path.parent)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def sync(path: Path) -> None:
    """Let a file's content, or the names in a folder, outlast a power cut."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
