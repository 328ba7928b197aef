"""Whole numbers, read as exact values and not as spellings: `50`, `50.0`, `5e1` and the text `"50.00"` are all 50.

Programs and spreadsheets write the same number in different ways. Every number that a shop, another site, a file or a
person gives is read here, from its decimal text: as a float, a large number would become another one.
"""

import json
import re
from collections.abc import Iterable
from math import isinf
from typing import Any

import msgspec

MAX_DIGITS = 19
"""As many as 63 bits have. A longer number is no value of any field."""

_DECIMAL = re.compile(r"([+\-−]?)([0-9]+)(?:[.,]([0-9]+))?(?:[eE]([+-]?)([0-9]+))?\Z")
_GROUPED = re.compile(
    r"(?P<whole>[+\-−]?[0-9]{1,3}(?P<group>[.,'’ \u00a0\u202f])[0-9]{3}(?:(?P=group)[0-9]{3})*)"
    r"(?!(?P=group))[.,](?P<rest>[0-9]+)\Z"
)
"""A number with thousands and decimals, such as 1.000,00: the last sign separates the decimals."""
_AMBIGUOUS = re.compile(r"[+\-−]?[1-9][0-9]{0,2}[.,][0-9]{3}\Z")
"""1.000 is a thousand where people write 1.000,00, and one where they write 1,000.00."""
_NOT_DIGIT = re.compile(r"[^0-9+\-−]")


def read_text(text: str) -> int | None:
    """The whole number that a text or a cell says exactly; None for a fraction, and for anything else.

    None also for a number of more than 19 digits, and for one such as `1.000`, which may be a thousand or a one.
    """
    if len(text) <= MAX_DIGITS and text.isascii() and text.isdecimal():  # nearly all numbers
        return int(text)
    if _AMBIGUOUS.match(text):
        return None
    if match := _GROUPED.match(text):
        text = f"{_NOT_DIGIT.sub('', match['whole'])}.{match['rest']}"
    return read_decimal(text)


def read_decimal(text: str) -> int | None:
    """The same of a number as JSON writes it, in which `1.000` is one."""
    match = _DECIMAL.match(text)
    if match is None:
        return None
    sign, whole, fraction, exponent_sign, exponent_digits = match.groups()
    digits = (whole + (fraction or "")).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return 0
    exponent_digits = (exponent_digits or "").lstrip("0")
    if len(exponent_digits) > MAX_DIGITS:
        return None
    exponent = int(f"{exponent_sign or ''}{exponent_digits or 0}")
    exponent += len(digits) - len(significant) - len(fraction or "")
    if exponent < 0 or len(significant) + exponent > MAX_DIGITS:
        return None
    number = int(significant + "0" * exponent)
    return -number if sign in ("-", "−") else number


def decode_json(raw: bytes | str) -> Any:
    """The JSON in `raw`, in which a number with a whole value is an int, however it is written.

    Raises ValueError, also for a fraction or a number that is too large for a float, or RecursionError.
    """
    return _DECODER.decode(raw)


def decode_loose_json(text: str | bytes) -> Any:
    """The same by Python's own decoder, which takes any text and numbers of any length: an int that is too long becomes
    infinity, which no field takes."""

    def parse_int(digits: str) -> int | float:
        return int(digits) if len(digits) <= MAX_DIGITS else float("inf")

    return json.loads(text, parse_int=parse_int, parse_float=_read_json_number)


def with_numbers(item: Any, names: Iterable[str]) -> Any:
    """`item` with numbers in place of the texts that say them; only of an object, and only of its fields `names`."""
    if not isinstance(item, dict):
        return item
    read = {
        name: number
        for name in names
        if isinstance(text := item.get(name), str) and (number := read_text(text)) is not None
    }
    return item | read if read else item


def _read_json_number(text: str) -> int | float:
    number = read_decimal(text)
    return float(text) if number is None else number


def _read_bounded_number(text: str) -> int | float:
    number = _read_json_number(text)
    if isinf(number):
        raise ValueError("the number is too large")
    return number


_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=_read_bounded_number)
