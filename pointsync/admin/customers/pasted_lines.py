"""Pasted lines, a customer each: read, and what is wrong with each of them."""

import csv
import re
from dataclasses import dataclass

from pointsync.admin.customers.manual_movements import whole
from pointsync.email_address import normalise
from pointsync.errors import Invalid
from pointsync.text_limits import MAX_POINTS, MAX_REASON, check_points, check_text

_SEPARATOR = re.compile(r"[,;\t]")
_BREAK = re.compile(r"\r\n|\r|\n")
_CUT_NUMBER = re.compile(r"[0-9]{1,3}(?![0-9])|\s+[0-9]{3}(?!\w)")
"""What stands behind a comma where somebody has typed 1,000 or 1,5, or 1, 000."""
SHOWN = 80


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not empty, by its number among all; with a `fault` the rest is not to be relied on."""

    number: int
    text: str
    email: str = ""
    points: int = 0
    reason: str = ""
    fault: str | None = None


def split(text: str) -> list[tuple[int, str]]:
    """The lines that are not empty, with their numbers from 1 as an editor counts them."""
    return [(number, line) for number, line in enumerate(_BREAK.split(text), start=1) if line.strip(" ")]


def read(number: int, text: str, shared: str) -> Line:
    """A line `e-mail, points[, reason]`, with the `shared` reason where it has none of its own."""
    shown = text.strip() if len(text.strip()) <= SHOWN else f"{text.strip()[: SHOWN - 1]}…"
    try:
        email, points, reason = _parts(text)
        return Line(number, shown, normalise(email), _points(points), check_text(reason, MAX_REASON, "") or shared)
    except Invalid as error:
        return Line(number, shown, fault=error.message)


def _parts(text: str) -> tuple[str, str, str]:
    found = _SEPARATOR.search(text)
    if not found:
        raise Invalid("", "Type the e-mail, a comma and the points, such as alice@example.com, 50.")
    sign = found[0]
    is_quoted = '"' in text
    parts = _unquoted(text, sign) if is_quoted else text.split(sign, 2)
    email, points, reason = [*parts, ""][:3]
    if sign == "," and not is_quoted and _CUT_NUMBER.match(reason):
        raise Invalid(
            "",
            "Type whole points without a comma in them, such as 1000. If this is a reason that begins with a number, "
            "put semicolons between the parts instead of commas.",
        )
    return email, points.strip(), reason


def _unquoted(text: str, sign: str) -> list[str]:
    """At most three parts of a line in which a spreadsheet may have quoted some."""
    try:
        [parts] = csv.reader([text], delimiter=sign, strict=True)
    except (csv.Error, ValueError):
        raise Invalid("", "The quotes do not match; put none, or one pair around a part.") from None
    return [*parts[:2], sign.join(parts[2:])]


def _points(text: str) -> int:
    points = whole(text, "+-−")
    if points is None:
        raise Invalid("", "Type whole points behind the e-mail, such as 50, or −50 to take points away.")
    if not points:
        raise Invalid("", "0 points change nothing; type a number above or below 0, or take the line out.")
    if abs(points) > MAX_POINTS:
        raise Invalid("", f"Type points within ±{MAX_POINTS:,}.")
    return check_points(points, "")
