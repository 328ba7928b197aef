"""Secrets from stdin, so that they are not in the process list or in the shell's history."""

import sys

from pointsync.cli.framework.errors import EXIT_USAGE, CommandError

MAX_BYTES = 10_000


def read_line(option: str) -> str:
    """One line from stdin, without its line break. Raises CommandError that names `option`."""
    raw = sys.stdin.buffer.readline(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise CommandError(f"{option}: the line on stdin is longer than {MAX_BYTES:,} bytes.", EXIT_USAGE)
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise CommandError(f"{option}: the line on stdin is not valid UTF-8.", EXIT_USAGE) from None
    if not text:
        raise CommandError(
            f"{option}: stdin is empty. Pipe one line in, such as: printf '%s\\n' … | pointsync …", EXIT_USAGE
        )
    return text


def read_option_or_stdin(option: str, value: str | None, from_stdin: bool) -> str | None:
    """The value of `option`, or a line from stdin if `<option>-stdin` was given; None for neither.

    Raises CommandError if both were given.
    """
    if value is not None and from_stdin:
        raise CommandError(f"Give either {option} or {option}-stdin.", EXIT_USAGE)
    return read_line(f"{option}-stdin") if from_stdin else value
