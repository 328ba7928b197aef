"""Reads the parameters in the query of a URL."""

from flask import request

from pointsync.errors import InvalidInput

MAX_DIGITS = 18


def parse_number(name: str, min_value: int, max_value: int, message: str) -> int | None:
    """The number in the query parameter `name`, or None without it. Raises InvalidInput if it is not in the bounds."""
    values = request.args.getlist(name)
    if not values:
        return None
    text = values[0]
    is_number = len(values) == 1 and text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    number = int(text) if is_number else min_value - 1
    if not min_value <= number <= max_value:
        raise InvalidInput(name, message)
    return number


def parse_text(name: str, message: str) -> str | None:
    """The text in the query parameter `name`, or None without it. Raises InvalidInput if it is given twice."""
    values = request.args.getlist(name)
    if len(values) > 1:
        raise InvalidInput(name, message)
    return values[0] if values else None
