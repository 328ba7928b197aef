"""Progress on stderr: one line that changes on a terminal, else a new line every few seconds."""

import sys
import time

from pointsync.cli.framework.output import print_note
from pointsync.cli.framework.standard_streams import write_note

LINE_INTERVAL_SECONDS = 5.0
TERMINAL_INTERVAL_SECONDS = 0.2


class Progress:
    """Prints progress at most once per interval. Used with `with`, it clears the terminal's line at the end."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._updated_at = time.monotonic()
        self._has_line = False

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._has_line:
            write_note("\r\x1b[K", end="")

    def update(self, text: str) -> None:
        """Print the progress, unless it was printed a short time ago."""
        now = time.monotonic()
        if now - self._updated_at < (TERMINAL_INTERVAL_SECONDS if self._is_terminal else LINE_INTERVAL_SECONDS):
            return
        self._updated_at = now
        if self._is_terminal:
            write_note(f"\r{text}\x1b[K", end="")
            self._has_line = True
        else:
            print_note(text)
