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

from pointsync.errors import Invalid
from pointsync.ledger.expiry.rule import start_of
from pointsync.ledger.hourly_totals import Came
from pointsync.models import Flow, Reserve
from pointsync.models.movement import LOCAL_KINDS

MOST_MONTHS = 36
USUAL_MONTHS = 6
HOUR = timedelta(hours=1)
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])\Z")
_SETTLED = ""


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the site's zone: called by its first day, from `begins_at` on and before `ends_at`, both in UTC."""

    day: date
    begins_at: datetime
    ends_at: datetime
    came: dict[str, Came]
    """By the Auth of the site where it was made; sites that made nothing are left out."""
    stays: dict[str, Came]
    """What is left out of the settlement, by its kind."""

    @property
    def name(self) -> str:
        """Such as 2026-01."""
        return f"{self.day:%Y-%m}"

    @property
    def all(self) -> Came:
        """All sites."""
        return sum(self.came.values(), Came())


@dataclass(frozen=True, slots=True)
class Settlement:
    """Months without a gap, oldest first."""

    months: tuple[Month, ...]
    is_shifted: bool
    """A month begins up to an hour late, since midnight is not on the hour of UTC in the site's zone."""

    @property
    def sums(self) -> dict[str, Came]:
        """What each site came to in all months, by Auth."""
        found: dict[str, Came] = {}
        for month in self.months:
            for origin, came in month.came.items():
                found[origin] = found.get(origin, Came()) + came
        return dict(sorted(found.items()))

    @property
    def all(self) -> Came:
        """All sites in all months."""
        return sum((month.all for month in self.months), Came())


def months(first: str | None, last: str | None, today: date) -> list[date]:
    """The months from `first` to `last`, such as `2026-01`, each by its first day: the last six unless told.

    Raises Invalid for `from` or `to`, also where these are more than 36 months.
    """
    end = _read("to", last) if last else None
    start = _read("from", first) if first else None
    if end is None:
        end = max(today.replace(day=1), start) if start else today.replace(day=1)
    if start is None:
        start = _later(end, 1 - USUAL_MONTHS)
    if start > end:
        raise Invalid("to", f"{end:%Y-%m} lies before {start:%Y-%m}; give the same month or a later one.")
    count = (end.year - start.year) * 12 + end.month - start.month + 1
    if count > MOST_MONTHS:
        raise Invalid("from", f"These are {count:,} months; give at most {MOST_MONTHS}, such as {_far(end)} and later.")
    return [_later(start, step) for step in range(count)]


def settle(session: Session, reserve: Reserve, days: Iterable[date], zone: ZoneInfo) -> Settlement:
    """What movements in `reserve` came to in these months, at most 36, each given by its first day: one query.

    It reads the flows of those months by their primary key, never a movement.
    """
    bounds = [(day, _begin(day, zone), _begin(_later(day, 1), zone)) for day in days]
    kind = case((Flow.kind.in_(sorted(LOCAL_KINDS)), Flow.kind), else_=literal(_SETTLED)).label("part")
    sums = (func.sum(Flow.movements), func.sum(Flow.given), func.sum(Flow.taken))
    query = union_all(
        *(
            select(literal(place), Flow.origin, kind, *sums)
            .where(Flow.hour >= begins, Flow.hour < ends, Flow.reserve_id == reserve.id)
            .group_by(Flow.origin, kind)
            for place, (_, begins, ends) in enumerate(bounds)
        )
    )
    found = [Month(*each, {}, {}) for each in bounds]
    for place, origin, part, *came in sorted(map(tuple, session.execute(query))):
        part_of, name = (found[place].came, origin) if part == _SETTLED else (found[place].stays, part)
        part_of[name] = part_of.get(name, Came()) + Came(*map(int, came))
    return Settlement(tuple(found), any(begins != start_of(day, zone) for day, begins, _ in bounds))


def _read(field: str, text: str) -> date:
    found = _MONTH.match(text.strip())
    year = int(found[1]) if found else 0
    if not found or not 1970 <= year < 3000:
        raise Invalid(field, "Type a month as year and month, such as 2026-01.")
    return date(year, int(found[2]), 1)


def _later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)


def _far(end: date) -> str:
    return f"{_later(end, 1 - MOST_MONTHS):%Y-%m}"


def _begin(day: date, zone: ZoneInfo) -> datetime:
    """When a month begins, in UTC; flows are kept by whole hours, so at the next one where midnight is on none."""
    moment = start_of(day, zone)
    whole = moment.replace(minute=0, second=0, microsecond=0)
    return whole if whole == moment else whole + HOUR
