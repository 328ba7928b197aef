"""Expiry rules: after which period, or on which day of the year, points expire. Days are in the site's time zone."""

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal

from pointsync.clock import add_months
from pointsync.errors import InvalidInput

INACTIVITY, TRANSACTIONAL, YEARLY = "inactivity", "transactional", "yearly"
KINDS = (INACTIVITY, TRANSACTIONAL, YEARLY)
LEAP_YEAR = 2024
"""A year with a 29 February."""
Unit = Literal["days", "months"]
MAX_COUNT = {"days": 36_500, "months": 1_200}
"""A hundred years; who wants longer wants no expiry."""


@dataclass(frozen=True, slots=True)
class ExpiryRule:
    """How points of a reserve expire; none expire before `since`.

    `inactivity`: all points of a customer expire when nothing has moved them for the period. `transactional`: given
    points expire after the period, and spending uses the oldest points first. `yearly`: all points expire at the
    beginning of that day each year.
    """

    kind: str
    since: date
    count: int = 0
    unit: Unit = "days"
    month: int = 12
    day: int = 31

    @property
    def year_day(self) -> date:
        """The day of a yearly rule, in a leap year."""
        return date(LEAP_YEAR, self.month, self.day)

    def expiry_day(self, at: datetime, zone: tzinfo) -> date:
        """The day at whose beginning points expire that were given, or last moved, at the time `at`."""
        return max(self._add_period(at.astimezone(zone).date()), self.since)

    def next_expiry_day(self, after: date) -> date:
        """The first day of a yearly rule after `after`, and not before `since`."""
        start = max(after + timedelta(days=1), self.since)
        day = _day_in_year(start.year, self.month, self.day)
        return day if day >= start else _day_in_year(start.year + 1, self.month, self.day)

    def _add_period(self, day: date) -> date:
        try:
            return add_months(day, self.count) if self.unit == "months" else day + timedelta(days=self.count)
        except (OverflowError, ValueError):
            return date.max


def make_period_rule(kind: str, count: int, unit: str, since: date) -> ExpiryRule:
    """A rule with a period. Raises InvalidInput for `kind`, `count` or `unit`."""
    if kind not in (INACTIVITY, TRANSACTIONAL):
        raise InvalidInput("kind", f"The kind must be one of {', '.join(KINDS)}.")
    if unit not in ("days", "months"):
        raise InvalidInput("unit", "Choose days or months.")
    max_count = MAX_COUNT[unit]
    if not 1 <= count <= max_count:
        raise InvalidInput("count", f"Type a whole number from 1 to {max_count:,}, such as 12.")
    return ExpiryRule(kind, since, count, "months" if unit == "months" else "days")


def make_yearly_rule(month: int, day: int, since: date) -> ExpiryRule:
    """A rule with a day of the year; 29 February is the 28th in other years. Raises InvalidInput for `on`."""
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(LEAP_YEAR, month)[1]:
        raise InvalidInput("on", "There is no such day; type month and day, such as 12-31.")
    return ExpiryRule(YEARLY, since, month=month, day=day)


def _day_in_year(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))
