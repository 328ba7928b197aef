"""What can go wrong, in words for people; the edges turn these into exit codes and HTTP answers."""

from collections.abc import Sequence


class ConfigError(Exception):
    """A setting stops the start; the text names it, its fault and an example."""


class DomainError(Exception):
    """A rule or a field forbids what was asked, and nothing has changed.

    `code` is the stable name for machines, `message` the sentence for people, `fields` maps each
    faulty field to what is wrong with it and how to mend it.
    """

    def __init__(self, code: str, message: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = fields or {}


class InvalidInput(DomainError):
    """A field cannot be right as it was typed."""

    def __init__(self, field: str, message: str, code: str = "invalid") -> None:
        super().__init__(code, message, {field: message})


class NotFound(DomainError):
    """What was named does not exist here."""


class Conflict(DomainError):
    """What was asked contradicts what is recorded."""


def combine(errors: Sequence[DomainError]) -> DomainError:
    """One refusal that names the fields of all of `faults`; one alone stays what it is."""
    first, *others = errors
    if not others:
        return first
    combined = InvalidInput(next(iter(first.fields)), first.message)
    for error in others:
        combined.fields |= error.fields
    return combined
