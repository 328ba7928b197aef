"""What a person sees when something goes wrong: one line, and an exit code that scripts can tell apart."""

from typing import IO, Any

import click

from pointsync.errors import ConfigError, Invalid, NotFound, Refused

WRONG, REFUSED = 2, 1
TYPED = frozenset({"unknown_reserve", "unknown_setting"})
"""What is not there, but is named by a word that was typed wrong rather than by an id."""
MAX_LINE = 600


class Fault(click.ClickException):
    """One line on stderr; exit code 2 for what was typed wrong, 1 for what a rule or the world refuses."""

    def __init__(self, message: str, exit_code: int = REFUSED) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        click.echo(f"Error: {plain(self.message)}", file=file, err=True)


def plain(text: str) -> str:
    """`text` on one line, fit for any terminal: no controls, none of the marks that turn a line around."""
    shown = "".join(each if each.isprintable() else " " if each.isspace() else "?" for each in text)
    shown = " ".join(shown.split())
    return shown if len(shown) <= MAX_LINE else f"{shown[: MAX_LINE - 1]}…"


def as_fault(error: Exception) -> Fault | None:
    """The line for an error that a person or the world has caused; None for a fault of the program."""
    if isinstance(error, ConfigError):
        return Fault(str(error), WRONG)
    if isinstance(error, Refused):
        is_wrong = isinstance(error, Invalid) or (isinstance(error, NotFound) and error.code in TYPED)
        return Fault(error.message, WRONG if is_wrong else REFUSED)
    return _of_the_world(error)


def _of_the_world(error: Exception) -> Fault | None:
    from sqlalchemy.exc import ArgumentError, DBAPIError

    from pointsync.db import Busy

    cause = error.__cause__ if isinstance(error, Busy) else error
    if isinstance(cause, DBAPIError) and cause.statement is None:  # it was not even connected to
        return Fault(f"POINTSYNC_DATABASE_URL names a database that cannot be reached: {cause.orig}")
    if isinstance(error, Busy):
        return Fault(f"The database is busy or away; try again in a moment. {getattr(cause, 'orig', '')}")
    if isinstance(error, DBAPIError):
        return Fault(f"The database is away, or not as it should be: {error.orig}")
    if isinstance(error, ArgumentError):
        return Fault("POINTSYNC_DATABASE_URL cannot be read; example: postgresql://user:secret@localhost/points", WRONG)
    if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("psycopg"):
        return Fault("For PostgreSQL the extra is missing; run: pip install 'pointsync[postgres]'", WRONG)
    if isinstance(error, OSError) and error.strerror:
        return Fault(": ".join(str(each) for each in (error.filename, error.strerror) if each))
    return None
