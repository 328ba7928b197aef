"""What a person sees when something goes wrong: one line, and an exit code that scripts can tell apart."""

from typing import IO, Any

import click

from pointsync.errors import ConfigError, DomainError, InvalidInput, NotFound

EXIT_USAGE, EXIT_FAILURE = 2, 1
MISTYPED_CODES = frozenset({"unknown_reserve", "unknown_setting"})
"""What is not there, but is named by a word that was typed wrong rather than by an id."""
MAX_LINE_LENGTH = 600


class CommandError(click.ClickException):
    """One line on stderr; exit code 2 for what was typed wrong, 1 for what a rule or the world refuses."""

    def __init__(self, message: str, exit_code: int = EXIT_FAILURE) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        click.echo(f"Error: {to_one_line(self.message)}", file=file, err=True)


def to_one_line(text: str) -> str:
    """`text` on one line, fit for any terminal: no controls, none of the marks that turn a line around."""
    cleaned = "".join(each if each.isprintable() else " " if each.isspace() else "?" for each in text)
    cleaned = " ".join(cleaned.split())
    return cleaned if len(cleaned) <= MAX_LINE_LENGTH else f"{cleaned[: MAX_LINE_LENGTH - 1]}…"


def to_command_error(error: Exception) -> CommandError | None:
    """The line for an error that a person or the world has caused; None for a fault of the program."""
    if isinstance(error, ConfigError):
        return CommandError(str(error), EXIT_USAGE)
    if isinstance(error, DomainError):
        is_usage_error = isinstance(error, InvalidInput) or (
            isinstance(error, NotFound) and error.code in MISTYPED_CODES
        )
        return CommandError(error.message, EXIT_USAGE if is_usage_error else EXIT_FAILURE)
    return _database_or_os_error(error)


def _database_or_os_error(error: Exception) -> CommandError | None:
    from sqlalchemy.exc import ArgumentError, DBAPIError

    from pointsync.db import DatabaseBusy

    cause = error.__cause__ if isinstance(error, DatabaseBusy) else error
    if isinstance(cause, DBAPIError) and cause.statement is None:  # it was not even connected to
        return CommandError(f"POINTSYNC_DATABASE_URL names a database that cannot be reached: {cause.orig}")
    if isinstance(error, DatabaseBusy):
        return CommandError(f"The database is busy or away; try again in a moment. {getattr(cause, 'orig', '')}")
    if isinstance(error, DBAPIError):
        return CommandError(f"The database is away, or not as it should be: {error.orig}")
    if isinstance(error, ArgumentError):
        return CommandError(
            "POINTSYNC_DATABASE_URL cannot be read; example: postgresql://user:secret@localhost/points", EXIT_USAGE
        )
    if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("psycopg"):
        return CommandError("For PostgreSQL the extra is missing; run: pip install 'pointsync[postgres]'", EXIT_USAGE)
    if isinstance(error, OSError) and error.strerror:
        return CommandError(": ".join(str(each) for each in (error.filename, error.strerror) if each))
    return None
