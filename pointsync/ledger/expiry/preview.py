"""What a rule of expiry would take, added up for people before it is switched on."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from heapq import nsmallest
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.ledger.expiry.expire import foresee
from pointsync.ledger.expiry.rule import Rule
from pointsync.models import Balance, Reserve

MOST_LOSERS = 20_000
"""Customers who would lose something; more would keep the page waiting."""
MOST_SHOWN = 100
AHEAD = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Lost:
    """So many points of so many customers that go at the beginning of a day, or in a month."""

    when: date
    customers: int
    points: int


@dataclass(frozen=True, slots=True)
class Line:
    """What one customer would lose on a day."""

    day: date
    customer: str
    points: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be lost at once, in each month of the year to come, and by whom first."""

    until: date
    customers: int
    """All who have, or have had, points in the reserve."""
    at_once: Lost
    months: tuple[Lost, ...]
    """By the first day of the month, what is lost at once left out; months in which nothing is lost, too."""
    lines: tuple[Line, ...]
    """The first 100, by day, and of a day the most points first."""
    is_whole: bool
    """Whether all who would lose something were looked at."""

    @property
    def points(self) -> int:
        """All that would be lost until then."""
        return self.at_once.points + sum(month.points for month in self.months)


def preview(session: Session, reserve: Reserve, rule: Rule, zone: ZoneInfo, today: date) -> Preview:
    """What `rule` would take from today on for a year, if nothing moved any more. Nothing is changed."""
    until = today + AHEAD
    losers = foresee(session, reserve, rule, zone, until)
    points: Counter[date] = Counter()
    customers: Counter[date] = Counter()
    first: list[Line] = []
    for email, found in islice(losers, MOST_LOSERS):
        periods = Counter({_period(loss.day, today): 0 for loss in found})
        for loss in found:
            periods[_period(loss.day, today)] += loss.points
        points.update(periods)
        customers.update(periods.keys())
        first += [Line(max(loss.day, today), email, loss.points) for loss in found]
        if len(first) > 10 * MOST_SHOWN:
            first = _first(first)
    count = select(func.count()).select_from(Balance).where(Balance.reserve_id == reserve.id)
    return Preview(
        until,
        session.scalar(count) or 0,
        Lost(today, customers[today], points[today]),
        tuple(Lost(month, customers[month], points[month]) for month in _months(today, until)),
        tuple(_first(first)),
        next(losers, None) is None,
    )


def _period(day: date, today: date) -> date:
    """Today for what is lost at once, else the month, which is called by its first day, or the rest of this one."""
    if day <= today:
        return today
    return max(day.replace(day=1), today + timedelta(days=1))


def _months(today: date, until: date) -> list[date]:
    month, found = today + timedelta(days=1), []
    while month <= until:
        found.append(month)
        month = (month.replace(day=1) + timedelta(days=32)).replace(day=1)
    return found


def _first(lines: list[Line]) -> list[Line]:
    return nsmallest(MOST_SHOWN, lines, key=lambda line: (line.day, -line.points, line.customer))
