"""Settlement: what the sites of a family have given and taken in each month, for the owners of the shops to settle by.

A month's movements are those that were made in it, on whichever site; so sites that have the same movements tell the
same figures. What stays on a site (opening balances, corrections, expiry) is no other owner's business: it is told
apart.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, literal, select, union_all
from sqlalchemy.orm import Session

from pointsync.errors import InvalidInput
from pointsync.ledger.expiry.rule import start_of_day
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
    """A month of the site's zone: called by its first day, from `begins_at` on and before `ends_at`, both in UTC."""

    day: date
    begins_at: datetime
    ends_at: datetime
    totals_by_origin: dict[str, HourTotals]
    """By the Auth of the site where it was made; sites that made nothing are left out."""
    local_totals_by_kind: dict[str, HourTotals]
    """What is left out of the settlement, by its kind."""

    @property
    def name(self) -> str:
        """Such as 2026-01."""
        return f"{self.day:%Y-%m}"

    @property
    def total(self) -> HourTotals:
        """All sites."""
        return sum(self.totals_by_origin.values(), HourTotals())


@dataclass(frozen=True, slots=True)
class Settlement:
    """Months without a gap, oldest first."""

    months: tuple[MonthTotals, ...]
    is_shifted: bool
    """A month begins up to an hour late, since midnight is not on the hour of UTC in the site's zone."""

    @property
    def totals_by_origin(self) -> dict[str, HourTotals]:
        """What each site came to in all months, by Auth."""
        totals: dict[str, HourTotals] = {}
        for month in self.months:
            for origin, origin_totals in month.totals_by_origin.items():
                totals[origin] = totals.get(origin, HourTotals()) + origin_totals
        return dict(sorted(totals.items()))

    @property
    def total(self) -> HourTotals:
        """All sites in all months."""
        return sum((month.total for month in self.months), HourTotals())


def parse_months(first: str | None, last: str | None, today: date) -> list[date]:
    """The months from `first` to `last`, such as `2026-01`, each by its first day: the last six unless told.

    Raises Invalid for `from` or `to`, also where these are more than 36 months.
    """
    end = _parse_month("to", last) if last else None
    start = _parse_month("from", first) if first else None
    if end is None:
        end = max(today.replace(day=1), start) if start else today.replace(day=1)
    if start is None:
        start = _add_months(end, 1 - DEFAULT_MONTHS)
    if start > end:
        raise InvalidInput("to", f"{end:%Y-%m} lies before {start:%Y-%m}; give the same month or a later one.")
    count = (end.year - start.year) * 12 + end.month - start.month + 1
    if count > MAX_MONTHS:
        raise InvalidInput(
            "from", f"These are {count:,} months; give at most {MAX_MONTHS}, such as {_earliest_month(end)} and later."
        )
    return [_add_months(start, offset) for offset in range(count)]


def calculate(session: Session, reserve: Reserve, days: Iterable[date], zone: ZoneInfo) -> Settlement:
    """What movements in `reserve` came to in these months, at most 36, each given by its first day: one query.

    It reads the flows of those months by their primary key, never a movement.
    """
    bounds = [(day, _month_begins_at(day, zone), _month_begins_at(_add_months(day, 1), zone)) for day in days]
    kind = case((HourlyTotal.kind.in_(sorted(LOCAL_KINDS)), HourlyTotal.kind), else_=literal(_SETTLED_PART)).label(
        "part"
    )
    sums = (func.sum(HourlyTotal.movements), func.sum(HourlyTotal.given), func.sum(HourlyTotal.taken))
    query = union_all(
        *(
            select(literal(index), HourlyTotal.origin, kind, *sums)
            .where(HourlyTotal.hour >= begins_at, HourlyTotal.hour < ends_at, HourlyTotal.reserve_id == reserve.id)
            .group_by(HourlyTotal.origin, kind)
            for index, (_, begins_at, ends_at) in enumerate(bounds)
        )
    )
    month_totals = [MonthTotals(*each, {}, {}) for each in bounds]
    for index, origin, part, *sums_of_row in sorted(map(tuple, session.execute(query))):
        totals, name = (
            (month_totals[index].totals_by_origin, origin)
            if part == _SETTLED_PART
            else (month_totals[index].local_totals_by_kind, part)
        )
        totals[name] = totals.get(name, HourTotals()) + HourTotals(*map(int, sums_of_row))
    return Settlement(tuple(month_totals), any(begins_at != start_of_day(day, zone) for day, begins_at, _ in bounds))


def _parse_month(field: str, text: str) -> date:
    match = _MONTH.match(text.strip())
    year = int(match[1]) if match else 0
    if not match or not 1970 <= year < 3000:
        raise InvalidInput(field, "Type a month as year and month, such as 2026-01.")
    return date(year, int(match[2]), 1)


def _add_months(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)


def _earliest_month(end: date) -> str:
    return f"{_add_months(end, 1 - MAX_MONTHS):%Y-%m}"


def _month_begins_at(day: date, zone: ZoneInfo) -> datetime:
    """When a month begins, in UTC; flows are kept by whole hours, so at the next one where midnight is on none."""
    midnight = start_of_day(day, zone)
    full_hour = midnight.replace(minute=0, second=0, microsecond=0)
    return full_hour if full_hour == midnight else full_hour + HOUR
