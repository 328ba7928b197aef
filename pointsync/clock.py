"""The clock: times are timezone-aware and in UTC. Also their text form, and the days and months of a time zone."""

import calendar
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo

MAX_LEAD = timedelta(seconds=1)
"""How far the clocks of a site's machines may differ. A stored time further ahead is from before the clock was set
back."""

_source: Callable[[], datetime] | None = None

# Python accepts much more of ISO 8601, such as week dates; another site might not.
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?\Z"
)
_COMMON_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?Z\Z")
_ADMIN_INPUT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?\Z")


def now() -> datetime:
    """The current time, cut to milliseconds: the precision of the wire and of the database."""
    time = _source() if _source else datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def set_source(source: Callable[[], datetime] | None) -> None:
    """Use another clock, as tests do; `None` restores the system's clock."""
    global _source
    _source = source


def is_waiting(since: datetime | None, until: datetime | None, now: datetime) -> bool:
    """Whether a stored wait is not over. It is over if it began in the future: the clock was set back since then.

    So no wait takes longer than it was meant to. Times of other machines of the site may differ by `MAX_LEAD`.
    """
    return until is not None and now < until and (since is None or since <= now + MAX_LEAD)


def to_milliseconds(time: datetime) -> datetime:
    """`time` without what other sites do not get to know: less than a millisecond."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def to_text(time: datetime) -> str:
    """`time` as RFC 3339 in UTC with `Z`, with milliseconds if they are not 0."""
    time = time if time.tzinfo is UTC else time.astimezone(UTC)
    spec = "milliseconds" if time.microsecond >= 1000 else "seconds"
    return f"{time.isoformat(timespec=spec)[: -len('+00:00')]}Z"


def from_text(text: str) -> datetime:
    """Parse an RFC 3339 time with a time zone. Raises ValueError for anything else."""
    if _COMMON_FORM.match(text):  # what PointSync sends; the rest takes four times as long
        return datetime.fromisoformat(text)
    if not _RFC_3339.match(text):
        raise ValueError("the time is not in RFC 3339 format, such as 2026-03-01T12:00:00Z")
    time = datetime.fromisoformat(text.upper())
    if time.tzinfo is None:
        raise ValueError("the time has no time zone; end it with Z")
    try:
        time = time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time is out of range") from error
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def parse_input(text: str, zone: tzinfo) -> datetime:
    """Parse a time that a person typed: `2026-03-01` (midnight) or `2026-03-01 14:30` in `zone`, or RFC 3339.

    Raises ValueError for anything else.
    """
    text = text.strip()
    if not _ADMIN_INPUT.match(text):
        return from_text(text)
    try:
        return datetime.fromisoformat(text.upper()).replace(tzinfo=zone).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time is out of range") from error


def local_date(at: datetime, zone: tzinfo) -> date:
    """The date in `zone` at the time `at`."""
    return at.astimezone(zone).date()


def start_of_day(day: date, zone: tzinfo) -> datetime:
    """The first moment of `day` in `zone`, in UTC."""
    # If midnight comes twice, this is the earlier one; if clocks skip it, it is computed with the offset before.
    return datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)


def add_months(day: date, months: int) -> date:
    """The same day `months` later, or the last day of that month if it is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
