"""The file that an option names for a command's result."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from pointsync.cli.framework.errors import EXIT_USAGE, CommandError
from pointsync.files import atomic_text_file


@contextmanager
def open_output(path: Path, option: str) -> Iterator[TextIO]:
    """A file that only its owner can read. It replaces `path` when it is complete, and is deleted after an error."""
    if path.exists() and not path.is_file():
        raise CommandError(
            f"{option}: {path} is not a file. Give the name of a file, such as customers.csv.", EXIT_USAGE
        )
    try:
        with ExitStack() as stack:
            try:
                file = stack.enter_context(atomic_text_file(path))
            except (OSError, ValueError) as error:
                raise CommandError(f"{option}: {path} cannot be written: {_error_text(error)}.", EXIT_USAGE) from None
            yield file
    except OSError as error:
        raise CommandError(f"{option}: {path} cannot be written: {_error_text(error)}.") from None


def _error_text(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
