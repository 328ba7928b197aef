"""Progress on stderr: in one line on a terminal, else a line every few seconds."""

import sys
import time

import click

from pointsync.cli.framework.output import note

EVERY_SECONDS = 5.0
ON_TERMINAL_SECONDS = 0.2


class Progress:
    """Told often, it says so now and then; used with `with`, it leaves a terminal's line empty."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._told_at = time.monotonic()
        self._is_open = False

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_open:
            click.echo("\r\x1b[K", nl=False, err=True)

    def tell(self, said: str) -> None:
        """Say how far it is, not too often."""
        now = time.monotonic()
        if now - self._told_at < (ON_TERMINAL_SECONDS if self._is_terminal else EVERY_SECONDS):
            return
        self._told_at = now
        if self._is_terminal:
            click.echo(f"\r{said}\x1b[K", nl=False, err=True)
            self._is_open = True
        else:
            note(said)
