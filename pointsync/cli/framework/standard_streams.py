"""stdin, stdout and stderr as other programs leave them: closed, full, or with nobody at the other end."""

import os
import sys
from contextlib import suppress
from typing import TextIO

_STREAMS = ((0, "stdin"), (1, "stdout"), (2, "stderr"))


def open_missing() -> None:
    """Connect the streams that are closed to /dev/null. Call it before anything else is opened.

    Otherwise the next file that is opened, such as a socket or the database, would take the number of stdout, and would
    get what is printed.
    """
    for number, name in _STREAMS:
        try:
            os.fstat(number)
        except OSError:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:  # a lower number is free, too
                os.dup2(descriptor, number)
                os.close(descriptor)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, _open_text(number, is_input=name == "stdin"))


def discard_stdout() -> None:
    """Let stdout lead to /dev/null, because it cannot be written to. What is in its buffer is lost."""
    _discard(sys.stdout)


def write_note(text: str, *, end: str = "\n") -> None:
    """Write to stderr. Whether anybody gets it changes nothing."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{text}{end}")
        sys.stderr.flush()


def flush_at_exit() -> None:
    """Write what is still in the buffers, or drop it. Python would change the exit code if it cannot be written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            _discard(stream)


def _discard(stream: TextIO) -> None:
    with suppress(OSError, ValueError):  # it has no descriptor, or is closed
        number, nothing = stream.fileno(), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, number)
        os.close(nothing)


def _open_text(number: int, *, is_input: bool) -> TextIO:
    return open(number, "r" if is_input else "w", encoding="utf-8", errors="backslashreplace", closefd=False)
