"""Files that others read: there whole, or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

PARTIAL = ".part"
"""How the name of one ends that is being written; it begins with a dot."""


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A text file (UTF-8, its ends of lines as they are written), mode 600, that is at `path` once it is whole.

    Else it never was, and what was there stays. Raises OSError, and ValueError for a path that cannot be one.
    """
    number, name = tempfile.mkstemp(prefix=".", suffix=PARTIAL, dir=path.parent)
    try:
        with open(number, "w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(name, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)
