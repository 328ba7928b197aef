"""Files that others read: there whole, or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TextIO

PARTIAL_SUFFIX = ".part"
"""How the name of one ends that is being written; it begins with a dot."""


@contextmanager
def atomic_text_file(path: Path) -> Iterator[TextIO]:
    """A text file (UTF-8, its ends of lines as they are written), mode 600, that is at `path` once it is whole.

    Else it never was, and what was there stays. Raises OSError, and ValueError for a path that cannot be one.
    """
    with _atomic_file(path, "w", encoding="utf-8", newline="") as file:
        yield file


@contextmanager
def atomic_binary_file(path: Path) -> Iterator[BinaryIO]:
    """The same for bytes, which may be read again before it is whole."""
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


def fsync_path(path: Path) -> None:
    """Let a file's content, or the names in a folder, outlast a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
