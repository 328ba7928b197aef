"""Settlement: the points that each site of a family has given and taken per month, so that the owners can settle up.

A movement counts in the month in which it happened, so sites with the same movements show the same figures. Local
kinds (opening balances, corrections, expiry) do not concern other owners and are listed separately.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, literal, select, union_all
from sqlalchemy.orm import Session

from pointsync.clock import add_months, start_of_day
from pointsync.errors import InvalidInput
from pointsync.ledger.hourly_totals import HourTotals
from pointsync.models import HourlyTotal, Reserve
from pointsync.models.movement import LOCAL_KINDS

MAX_MONTHS = 36
DEFAULT_MONTHS = 6
HOUR = timedelta(hours=1)
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])\Z")
_SETTLED_PART = ""


@dataclass(frozen=True, slots=True)
class MonthTotals:
    """A month in the site's time zone: `day` is its first day; it begins at `begins_at` and ends before `ends_at`."""

    day: date
    begins_at: datetime
    ends_at: datetime
    totals_by_origin: dict[str, HourTotals]
    """By the Auth of the site that recorded the movements; sites without movements are left out."""
    local_totals_by_kind: dict[str, HourTotals]
    """The local kinds, which are not settled."""

    @property
    def name(self) -> str:
        """Such as 2026-01."""
        return f"{self.day:%Y-%m}"

    @property
    def total(self) -> HourTotals:
        """The sum of all sites."""
        return sum(self.totals_by_origin.values(), HourTotals())


@dataclass(frozen=True, slots=True)
class Settlement:
    """Consecutive months, oldest first."""

    months: tuple[MonthTotals, ...]
    is_shifted: bool
    """Months begin up to an hour late, because midnight in the site's time zone is not on a full hour of UTC."""

    @property
    def totals_by_origin(self) -> dict[str, HourTotals]:
        """The sum of all months, by the site's Auth."""
        totals: dict[str, HourTotals] = {}
        for month in self.months:
            for origin, origin_totals in month.totals_by_origin.items():
                totals[origin] = totals.get(origin, HourTotals()) + origin_totals
        return dict(sorted(totals.items()))

    @property
    def total(self) -> HourTotals:
        """The sum of all sites and months."""
        return sum((month.total for month in self.months), HourTotals())


def parse_months(first: str | None, last: str | None, today: date) -> list[date]:
    """The first day of each month from `first` to `last`, such as `2026-01`. Default: the last six months.

    Raises InvalidInput for `from` or `to`, also if there are more than 36 months.
    """
    end = _parse_month("to", last) if last else None
    start = _parse_month("from", first) if first else None
    if end is None:
        end = max(today.replace(day=1), start) if start else today.replace(day=1)
    if start is None:
        start = add_months(end, 1 - DEFAULT_MONTHS)
    if start > end:
        raise InvalidInput("to", f"{end:%Y-%m} lies before {start:%Y-%m}; give the same month or a later one.")
    count = (end.year - start.year) * 12 + end.month - start.month + 1
    if count > MAX_MONTHS:
        earliest = add_months(end, 1 - MAX_MONTHS)
        raise InvalidInput(
            "from", f"These are {count:,} months; give at most {MAX_MONTHS}, such as from {earliest:%Y-%m}."
        )
    return [add_months(start, offset) for offset in range(count)]


def calculate(session: Session, reserve: Reserve, days: Iterable[date], zone: ZoneInfo) -> Settlement:
    """The totals of `reserve` for at most 36 months, each given by its first day.

    One query, which reads only the hourly totals of those months, by their primary key.
    """
    bounds = [(day, _month_begins_at(day, zone), _month_begins_at(add_months(day, 1), zone)) for day in days]
    part = case((HourlyTotal.kind.in_(sorted(LOCAL_KINDS)), HourlyTotal.kind), else_=literal(_SETTLED_PART)).label(
        "part"
    )
    sums = (func.sum(HourlyTotal.movements), func.sum(HourlyTotal.given), func.sum(HourlyTotal.taken))
    query = union_all(
        *(
            select(literal(index), HourlyTotal.origin, part, *sums)
            .where(HourlyTotal.hour >= begins_at, HourlyTotal.hour < ends_at, HourlyTotal.reserve_id == reserve.id)
            .group_by(HourlyTotal.origin, part)
            for index, (_, begins_at, ends_at) in enumerate(bounds)
        )
    )
    months = [MonthTotals(*each, {}, {}) for each in bounds]
    for index, origin, kind, *row_sums in sorted(map(tuple, session.execute(query))):
        month: MonthTotals = months[index]
        totals, name = (month.totals_by_origin, origin) if kind == _SETTLED_PART else (month.local_totals_by_kind, kind)
        totals[name] = totals.get(name, HourTotals()) + HourTotals(*map(int, row_sums))
    return Settlement(tuple(months), any(begins_at != start_of_day(day, zone) for day, begins_at, _ in bounds))


def _parse_month(field: str, text: str) -> date:
    match = _MONTH.match(text.strip())
    year = int(match[1]) if match else 0
    if not match or not 1970 <= year < 3000:
        raise InvalidInput(field, "Type a month as year and month, such as 2026-01.")
    return date(year, int(match[2]), 1)


def _month_begins_at(day: date, zone: ZoneInfo) -> datetime:
    """When a month begins, in UTC, rounded up to a full hour, because the totals are per hour of UTC."""
    midnight = start_of_day(day, zone)
    full_hour = midnight.replace(minute=0, second=0, microsecond=0)
    return full_hour if full_hour == midnight else full_hour + HOUR
