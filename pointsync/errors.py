"""Errors with messages for people. Commands turn them into exit codes, and views into HTTP answers."""

from collections.abc import Sequence


class ConfigError(Exception):
    """A setting is wrong, so the process cannot start; the message says which one and what is wrong."""


class DomainError(Exception):
    """A rule refuses a request, and nothing has changed.

    `code` is for programs and never changes, `message` is for people, and `fields` maps each invalid field to a
    message that says what is wrong and what to do.
    """

    def __init__(self, code: str, message: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = fields or {}


class InvalidInput(DomainError):
    """A field is invalid."""

    def __init__(self, field: str, message: str, code: str = "invalid") -> None:
        super().__init__(code, message, {field: message})


class NotFound(DomainError):
    """The requested thing does not exist here."""


class Conflict(DomainError):
    """The request contradicts what is recorded."""


class TryLater(DomainError):
    """It is refused now, and the same request may succeed after `retry_after_seconds`."""

    def __init__(self, code: str, message: str, retry_after_seconds: int) -> None:
        super().__init__(code, message, {"points": message})
        self.retry_after_seconds = retry_after_seconds


def combine(errors: Sequence[DomainError]) -> DomainError:
    """One error with the fields of all `errors`: if there are several, an InvalidInput with the first message."""
    first, *others = errors
    if not others:
        return first
    combined = InvalidInput(next(iter(first.fields)), first.message)
    for error in others:
        combined.fields |= error.fields
    return combined
