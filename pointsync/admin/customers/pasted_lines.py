"""Pasted lines, a customer each: read, and what is wrong with each of them."""

import csv
import re
from dataclasses import dataclass

from pointsync.admin.shell.forms import parse_whole_number
from pointsync.email_address import normalise
from pointsync.errors import InvalidInput
from pointsync.text_limits import MAX_POINTS, MAX_REASON_LENGTH, validate_points, validate_text

_SEPARATOR = re.compile(r"[,;\t]")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_NUMBER_WITH_COMMA = re.compile(r"[0-9]{1,3}(?![0-9])|\s+[0-9]{3}(?!\w)")
"""What stands behind a comma where somebody has typed 1,000 or 1,5, or 1, 000."""
MAX_SHOWN_LENGTH = 80


@dataclass(frozen=True, slots=True)
class PastedLine:
    """One line that is not empty, by its number among all; with a `problem` the rest is not to be relied on."""

    number: int
    text: str
    email: str = ""
    points: int = 0
    reason: str = ""
    problem: str | None = None


def split_lines(text: str) -> list[tuple[int, str]]:
    """The lines that are not empty, with their numbers from 1 as an editor counts them."""
    return [(number, line) for number, line in enumerate(_LINE_BREAK.split(text), start=1) if line.strip(" ")]


def parse_line(number: int, text: str, default_reason: str) -> PastedLine:
    """A line `e-mail, points[, reason]`, with the `shared` reason where it has none of its own."""
    display_text = text.strip() if len(text.strip()) <= MAX_SHOWN_LENGTH else f"{text.strip()[: MAX_SHOWN_LENGTH - 1]}…"
    try:
        email, points, reason = _split_parts(text)
        return PastedLine(
            number,
            display_text,
            normalise(email),
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
            "Type whole points without a comma in them, such as 1000. If this is a reason that begins with a number, "
            "put semicolons between the parts instead of commas.",
        )
    return email, points.strip(), reason


def _split_quoted(text: str, separator: str) -> list[str]:
    """At most three parts of a line in which a spreadsheet may have quoted some."""
    try:
        [parts] = csv.reader([text], delimiter=separator, strict=True)
    except (csv.Error, ValueError):
        raise InvalidInput("", "The quotes do not match; put none, or one pair around a part.") from None
    return [*parts[:2], separator.join(parts[2:])]


def _parse_points(text: str) -> int:
    points = parse_whole_number(text, "+-−")
    if points is None:
        raise InvalidInput("", "Type whole points behind the e-mail, such as 50, or −50 to take points away.")
    if not points:
        raise InvalidInput("", "0 points change nothing; type a number above or below 0, or take the line out.")
    if abs(points) > MAX_POINTS:
        raise InvalidInput("", f"Type points within ±{MAX_POINTS:,}.")
    return validate_points(points, "")
