"""The one clock: aware moments in UTC, and their form on the wire."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

_source: Callable[[], datetime] | None = None

# Python reads much of ISO 8601 beside: week dates, hours alone, commas. Another site might not.
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?\Z"
)
_ADMIN_INPUT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?\Z")


def now() -> datetime:
    """This moment, aware, in UTC, cut to the millisecond that the wire and the database keep."""
    time = _source() if _source else datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def set_source(source: Callable[[], datetime] | None) -> None:
    """Put another clock in place (tests move it); `None` brings the system's back."""
    global _source
    _source = source


def to_text(time: datetime) -> str:
    """`moment` as RFC 3339 in UTC with `Z`, milliseconds only where there are any."""
    time = time.astimezone(UTC)
    spec = "milliseconds" if time.microsecond >= 1000 else "seconds"
    return time.isoformat(timespec=spec).replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """The moment that an RFC 3339 text with a zone names, in UTC.

    Raises ValueError for any other text, one without a zone included: a moment that depends on
    where it is read is no moment.
    """
    if not _RFC_3339.match(text):
        raise ValueError("the moment is not in RFC 3339, such as 2026-03-01T12:00:00Z")
    time = datetime.fromisoformat(text.upper())
    if time.tzinfo is None:
        raise ValueError("the moment has no time zone; end it with Z")
    try:
        time = time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the moment is out of range") from error
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def parse_input(text: str, zone: tzinfo) -> datetime:
    """The moment, in UTC, that a person has typed: `2026-03-01` (its midnight), `2026-03-01 14:30`, by the clocks
    of `zone`, or a whole RFC 3339 text with a zone of its own.

    Raises ValueError for any other text.
    """
    text = text.strip()
    if not _ADMIN_INPUT.match(text):
        return from_text(text)
    try:
        return datetime.fromisoformat(text.upper()).replace(tzinfo=zone).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the moment is out of range") from error
