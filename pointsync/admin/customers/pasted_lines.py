"""Lines pasted into the bulk adjustment, one customer each: parsing them, and what is wrong with them."""

import csv
import re
from dataclasses import dataclass

from pointsync.admin.shell.forms import parse_whole_number
from pointsync.email_address import parse
from pointsync.errors import InvalidInput
from pointsync.text_limits import MAX_POINTS, MAX_REASON_LENGTH, validate_points, validate_text

_SEPARATOR = re.compile(r"[,;\t]")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_NUMBER_WITH_COMMA = re.compile(r"[0-9]{1,3}(?![0-9])|\s+[0-9]{3}(?!\w)")
"""The text after the comma if somebody typed points as 1,000 or 1,5 or 1, 000."""
MAX_SHOWN_LENGTH = 80


@dataclass(frozen=True, slots=True)
class PastedLine:
    """A line that is not empty, with its line number. If it has a `problem`, the fields after `text` are empty."""

    number: int
    text: str
    email: str = ""
    points: int = 0
    reason: str = ""
    problem: str | None = None


def split_lines(text: str) -> list[tuple[int, str]]:
    """The lines that are not empty, with their line numbers, starting at 1."""
    return [(number, line) for number, line in enumerate(_LINE_BREAK.split(text), start=1) if line.strip(" ")]


def parse_line(number: int, text: str, default_reason: str) -> PastedLine:
    """Parse `e-mail, points[, reason]`; a line without a reason gets `default_reason`."""
    display_text = text.strip() if len(text.strip()) <= MAX_SHOWN_LENGTH else f"{text.strip()[: MAX_SHOWN_LENGTH - 1]}…"
    try:
        email, points, reason = _split_parts(text)
        return PastedLine(
            number,
            display_text,
            parse(email).spelling,
            _parse_points(points),
            validate_text(reason, MAX_REASON_LENGTH, "") or default_reason,
        )
    except InvalidInput as error:
        return PastedLine(number, display_text, problem=error.message)


def _split_parts(text: str) -> tuple[str, str, str]:
    match = _SEPARATOR.search(text)
    if not match:
        raise InvalidInput("", "Type the e-mail, a comma and the points, such as alice@example.com, 50.")
    separator = match[0]
    is_quoted = '"' in text
    parts = _split_quoted(text, separator) if is_quoted else text.split(separator, 2)
    email, points, reason = [*parts, ""][:3]
    if separator == "," and not is_quoted and _NUMBER_WITH_COMMA.match(reason):
        raise InvalidInput(
            "",
            "Type the points without a comma, such as 1000. If the reason begins with a number, separate the parts "
            "with semicolons.",
        )
    return email, points.strip(), reason


def _split_quoted(text: str, separator: str) -> list[str]:
    """At most three parts of a line in which a spreadsheet may have put some in quotes."""
    try:
        [parts] = csv.reader([text], delimiter=separator, strict=True)
    except (csv.Error, ValueError):
        raise InvalidInput(
            "", "The quotation marks do not match. Remove them, or put one pair around a part."
        ) from None
    return [*parts[:2], separator.join(parts[2:])]


def _parse_points(text: str) -> int:
    points = parse_whole_number(text, "+-−")
    if points is None:
        raise InvalidInput("", "Type whole points after the e-mail, such as 50, or −50 to subtract points.")
    if not points:
        raise InvalidInput("", "0 points change nothing. Type another number, or remove the line.")
    if abs(points) > MAX_POINTS:
        raise InvalidInput("", f"Type a number from −{MAX_POINTS:,} to {MAX_POINTS:,}.")
    return validate_points(points, "")
