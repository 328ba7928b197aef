"""Reading what a WooCommerce shop delivers: numbers, amounts, texts that may be anything."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pointsync.email_address import normalise
from pointsync.errors import Invalid

MAX_NUMBER = 2**63 - 1

_WHOLE = re.compile(r"-?[0-9]{1,19}\Z")
_AMOUNT = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,8})?\Z")


class Unused(Exception):
    """A delivery is of no use here; the text is a sentence that says why."""


def whole(value: Any) -> int | None:
    """The whole number that `value` is or spells, at most 63 bits; None for anything else."""
    if isinstance(value, str) and _WHOLE.match(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_NUMBER:
        return None
    return value


def name_of(value: Any, what: str) -> int:
    """An id of the shop's: a whole number above 0. Raises Unused saying `what` has none."""
    number = whole(value)
    if number is None or number <= 0:
        raise Unused(f"{what} has no id that is a whole number above 0.")
    return number


def amount(value: Any, what: str) -> Decimal:
    """An amount of money as the shop writes it, such as "19.90". Raises Unused for any other form."""
    if isinstance(value, bool) or not isinstance(value, str | int) or not _AMOUNT.match(str(value)[:40]):
        raise Unused(f"{what} is no amount such as 19.90.")
    return Decimal(value)


def email(value: Any, what: str) -> str:
    """The customer's e-mail address, normalised. Raises Unused where there is none or it cannot be one."""
    if not isinstance(value, str) or not value.strip():
        raise Unused(f"{what} names no e-mail address, so nobody can get the points.")
    try:
        return normalise(value)
    except Invalid as error:
        raise Unused(error.message) from error


def moment(value: Any, now: datetime) -> datetime:
    """The moment that the shop writes as `YYYY-MM-DD HH:MM:SS` in UTC, never after now; else now."""
    try:
        return min(datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC), now)
    except (TypeError, ValueError):
        return now


def text(value: Any) -> str:
    """`value` where it is text, else nothing."""
    return value if isinstance(value, str) else ""
