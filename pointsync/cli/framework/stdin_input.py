"""Secrets come by stdin, so that they stand in no process list and no shell's history."""

import sys

from pointsync.cli.framework.errors import WRONG, Fault

MAX_BYTES = 10_000


def line(option: str) -> str:
    """One line of stdin, without its end. Raises Fault naming the option that asked for it."""
    raw = sys.stdin.buffer.readline(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise Fault(f"{option}: the line on stdin is longer than {MAX_BYTES:,} bytes.", WRONG)
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Fault(f"{option}: the line on stdin is not UTF-8.", WRONG) from None
    if not text:
        raise Fault(f"{option}: there is no line on stdin; pipe one in, such as: printf '%s\\n' … | pointsync …", WRONG)
    return text


def either(option: str, given: str | None, is_on_stdin: bool) -> str | None:
    """What was given with `option`, or with `<option>-stdin`; None for neither. Raises Fault for both."""
    if given is not None and is_on_stdin:
        raise Fault(f"Give either {option} or {option}-stdin.", WRONG)
    return line(f"{option}-stdin") if is_on_stdin else given
