"""Errors of commands: one line on stderr, and an exit code for scripts."""

from typing import IO, Any

import click

from pointsync.cli.framework.standard_streams import write_note
from pointsync.errors import ConfigError, DomainError, InvalidInput, NotFound

EXIT_USAGE, EXIT_FAILURE = 2, 1
USAGE_ERROR_CODES = frozenset({"unknown_reserve", "unknown_setting"})
"""Codes of NotFound for a mistyped name. Other codes of NotFound are for an id that does not exist (any more)."""
MAX_LINE_LENGTH = 600


class CommandError(click.ClickException):
    """One line on stderr. The exit code is 2 for a wrong argument or setting, 1 for what was refused or failed."""

    def __init__(self, message: str, exit_code: int = EXIT_FAILURE) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        line = f"Error: {to_one_line(self.message)}"
        if file is None:
            write_note(line)
        else:
            click.echo(line, file=file)


def to_one_line(text: str) -> str:
    """`text` on one line and safe for any terminal: without control characters and marks that change the direction."""
    cleaned = "".join(each if each.isprintable() else " " if each.isspace() else "?" for each in text)
    cleaned = " ".join(cleaned.split())
    return cleaned if len(cleaned) <= MAX_LINE_LENGTH else f"{cleaned[: MAX_LINE_LENGTH - 1]}…"


def to_command_error(error: Exception) -> CommandError | None:
    """The line for an error that has a cause outside the program; None for a bug."""
    if isinstance(error, ConfigError):
        return CommandError(str(error), EXIT_USAGE)
    if isinstance(error, DomainError):
        is_usage_error = isinstance(error, InvalidInput) or (
            isinstance(error, NotFound) and error.code in USAGE_ERROR_CODES
        )
        return CommandError(error.message, EXIT_USAGE if is_usage_error else EXIT_FAILURE)
    return _database_or_os_error(error)


def _database_or_os_error(error: Exception) -> CommandError | None:
    from sqlalchemy.exc import ArgumentError, DBAPIError

    from pointsync.db import DatabaseBusy

    cause = error.__cause__ if isinstance(error, DatabaseBusy) else error
    if isinstance(cause, DBAPIError) and cause.statement is None:  # not even connected
        return CommandError(f"POINTSYNC_DATABASE_URL names a database that cannot be reached: {cause.orig}")
    if isinstance(error, DatabaseBusy):
        return CommandError(f"The database is busy or unavailable. Try again shortly. {getattr(cause, 'orig', '')}")
    if isinstance(error, DBAPIError):
        return CommandError(f"The database is unavailable or damaged: {error.orig}")
    if isinstance(error, ArgumentError):
        return CommandError(
            "POINTSYNC_DATABASE_URL is not a valid URL. Example: postgresql://user:secret@localhost/points", EXIT_USAGE
        )
    if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("psycopg"):
        return CommandError("PostgreSQL needs an extra package. Run: pip install 'pointsync[postgres]'", EXIT_USAGE)
    if isinstance(error, OSError) and error.strerror:
        return CommandError(": ".join(str(each) for each in (error.filename, error.strerror) if each))
    return None
