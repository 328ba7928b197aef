"""Parse the values in a WooCommerce delivery. Any value may be missing or have an unexpected type."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import Any

from pointsync import whole_number
from pointsync.email_address import parse
from pointsync.errors import InvalidInput
from pointsync.woocommerce.outcome import DeliveryProblem

MAX_INT64 = 2**63 - 1

_AMOUNT = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,8})?\Z")


class DeliveryIgnored(Exception):
    """The delivery cannot be recorded. The text says why; `problem` is None if there is nothing to do about it."""

    def __init__(self, message: str, problem: DeliveryProblem | None = DeliveryProblem.UNUSABLE) -> None:
        super().__init__(message)
        self.problem = problem


def parse_int(value: Any) -> int | None:
    """`value` as a whole number of at most 63 bits, from a number or text; None for anything else."""
    if isinstance(value, str):
        value = whole_number.read_text(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_INT64:
        return None
    return value


def parse_id(value: Any, label: str) -> int:
    """An id of the shop, a whole number above 0. Raises DeliveryIgnored; `label` names what has the id."""
    parsed = parse_int(value)
    if parsed is None or parsed <= 0:
        raise DeliveryIgnored(f"{label} has no id that is a whole number above 0.")
    return parsed


def parse_exact_amount(value: Any, label: str) -> tuple[Fraction, Fraction]:
    """An amount of money as the shop prints it, such as "19.90", and the smallest unit that this shows, such as 1/100.

    Plugins may also write a number. Raises DeliveryIgnored.
    """
    text = value if isinstance(value, str) else ""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_INT64:
        text = str(value)
    if isinstance(value, float) and isfinite(value):
        text = f"{Decimal(repr(value)):f}"  # as it was printed: the shortest text of this number
    if not _AMOUNT.match(text[:40]):
        raise DeliveryIgnored(f"{label} is not an amount such as 19.90.")
    unit = Fraction(1, 10 ** len(text.partition(".")[2]))
    return Fraction(text), unit if isinstance(value, str) else min(unit, Fraction(1, 100))


def parse_email(value: Any, label: str) -> str:
    """The e-mail address of the customer, in the spelling for mails. Raises DeliveryIgnored."""
    if not isinstance(value, str) or not value.strip():
        raise DeliveryIgnored(f"{label} has no e-mail address, so nobody can get the points.")
    try:
        return parse(value).spelling
    except InvalidInput as error:
        raise DeliveryIgnored(error.message) from error


def parse_time(value: Any, now: datetime) -> datetime:
    """The time that the shop writes as `YYYY-MM-DD HH:MM:SS` in UTC, at most `now`; `now` if it is not valid."""
    try:
        return min(datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC), now)
    except (TypeError, ValueError):
        return now


def parse_gmt(value: Any) -> datetime | None:
    """A time that the shop writes in UTC, such as `2026-11-29T05:57:41`; None if it is missing or not valid."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value[:40])
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return None


def text_or_empty(value: Any) -> str:
    """`value` if it is text, else an empty text."""
    return value if isinstance(value, str) else ""
