"""Rules of expiry: after which period, or on which day of the year, points are lost; days are the site's own."""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pointsync.errors import InvalidInput

INACTIVITY, TRANSACTIONAL, YEARLY = "inactivity", "transactional", "yearly"
KINDS = (INACTIVITY, TRANSACTIONAL, YEARLY)
LEAP_YEAR = 2024
"""One with a 29 February."""
Unit = Literal["days", "months"]
MAX_COUNT = {"days": 36_500, "months": 1_200}
"""A hundred years: a longer one is meant to be none."""


@dataclass(frozen=True, slots=True)
class ExpiryRule:
    """How points of a reserve are lost, and from which day on.

    `inactivity`: all of a customer's points, once nothing has moved them for the period. `transactional`: points
    that were given, each the period after that; what is taken away is taken from the oldest. `yearly`: all, each
    year at the beginning of that day.
    """

    kind: str
    since: date
    count: int = 0
    unit: Unit = "days"
    month: int = 12
    day: int = 31

    @property
    def year_day(self) -> date:
        """The day of a yearly rule, in a year that has every day."""
        return date(LEAP_YEAR, self.month, self.day)

    def expiry_day(self, at: datetime, zone: ZoneInfo) -> date:
        """The day at whose beginning what was given, or last moved, at `moment` is lost."""
        return max(self._add_period(at.astimezone(zone).date()), self.since)

    def next_expiry_day(self, after: date) -> date:
        """The first day of a yearly rule after that one, and not before the rule was set."""
        start = max(after + timedelta(days=1), self.since)
        day = _day_in_year(start.year, self.month, self.day)
        return day if day >= start else _day_in_year(start.year + 1, self.month, self.day)

    def _add_period(self, day: date) -> date:
        try:
            return _add_months(day, self.count) if self.unit == "months" else day + timedelta(days=self.count)
        except (OverflowError, ValueError):
            return date.max


def make_period_rule(kind: str, count: int, unit: str, since: date) -> ExpiryRule:
    """A rule by a period. Raises Invalid for `kind`, `count` or `unit`."""
    if kind not in (INACTIVITY, TRANSACTIONAL):
        raise InvalidInput("kind", f"The kind must be one of {', '.join(KINDS)}.")
    if unit not in ("days", "months"):
        raise InvalidInput("unit", "Choose days or months.")
    max_count = MAX_COUNT[unit]
    if not 1 <= count <= max_count:
        raise InvalidInput("count", f"Type a whole number from 1 to {max_count:,}, such as 12.")
    return ExpiryRule(kind, since, count, "months" if unit == "months" else "days")


def make_yearly_rule(month: int, day: int, since: date) -> ExpiryRule:
    """A rule by a day of the year; in a year without a 29 February that is the 28th. Raises Invalid for `on`."""
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(LEAP_YEAR, month)[1]:
        raise InvalidInput("on", "There is no such day; type month and day, such as 12-31.")
    return ExpiryRule(YEARLY, since, month=month, day=day)


def local_date(at: datetime, zone: ZoneInfo) -> date:
    """The site's day at `moment`."""
    return at.astimezone(zone).date()


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of the site's `day`, in UTC; where clocks are put forward at midnight it has none at 0:00."""
    # The earlier of a midnight that comes twice; one that never comes is reckoned by the offset before it.
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _add_months(day: date, count: int) -> date:
    """The same day of a later month, or that month's last."""
    years, month = divmod(day.month - 1 + count, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _day_in_year(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))
