"""What a rule of expiry would take, added up for people before it is switched on."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from heapq import nsmallest
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.ledger.expiry.expire import forecast
from pointsync.ledger.expiry.rule import ExpiryRule
from pointsync.models import Balance, Reserve

MAX_CUSTOMERS = 20_000
"""Customers who would lose something; more would keep the page waiting."""
MAX_ROWS = 100
PREVIEW_PERIOD = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class LossTotal:
    """So many points of so many customers that go at the beginning of a day, or in a month."""

    starts_on: date
    customers: int
    points: int


@dataclass(frozen=True, slots=True)
class CustomerLoss:
    """What one customer would lose on a day."""

    day: date
    customer: str
    points: int


@dataclass(frozen=True, slots=True)
class ExpiryPreview:
    """What would be lost at once, in each month of the year to come, and by whom first."""

    until: date
    customers: int
    """All who have, or have had, points in the reserve."""
    immediate: LossTotal
    months: tuple[LossTotal, ...]
    """By the first day of the month, what is lost at once left out; months in which nothing is lost, too."""
    first_losses: tuple[CustomerLoss, ...]
    """The first 100, by day, and of a day the most points first."""
    is_complete: bool
    """Whether all who would lose something were looked at."""

    @property
    def points(self) -> int:
        """All that would be lost until then."""
        return self.immediate.points + sum(month.points for month in self.months)


def preview(session: Session, reserve: Reserve, rule: ExpiryRule, zone: ZoneInfo, today: date) -> ExpiryPreview:
    """What `rule` would take from today on for a year, if nothing moved any more. Nothing is changed."""
    until = today + PREVIEW_PERIOD
    forecasts = forecast(session, reserve, rule, zone, until)
    points: Counter[date] = Counter()
    customers: Counter[date] = Counter()
    first_losses: list[CustomerLoss] = []
    for email, losses in islice(forecasts, MAX_CUSTOMERS):
        points_by_period = Counter({_period_of(loss.day, today): 0 for loss in losses})
        for loss in losses:
            points_by_period[_period_of(loss.day, today)] += loss.points
        points.update(points_by_period)
        customers.update(points_by_period.keys())
        first_losses += [CustomerLoss(max(loss.day, today), email, loss.points) for loss in losses]
        if len(first_losses) > 10 * MAX_ROWS:
            first_losses = _take_first(first_losses)
    count = select(func.count()).select_from(Balance).where(Balance.reserve_id == reserve.id)
    return ExpiryPreview(
        until,
        session.scalar(count) or 0,
        LossTotal(today, customers[today], points[today]),
        tuple(LossTotal(month, customers[month], points[month]) for month in _list_months(today, until)),
        tuple(_take_first(first_losses)),
        next(forecasts, None) is None,
    )


def _period_of(day: date, today: date) -> date:
    """Today for what is lost at once, else the month, which is called by its first day, or the rest of this one."""
    if day <= today:
        return today
    return max(day.replace(day=1), today + timedelta(days=1))


def _list_months(today: date, until: date) -> list[date]:
    month, months = today + timedelta(days=1), []
    while month <= until:
        months.append(month)
        month = (month.replace(day=1) + timedelta(days=32)).replace(day=1)
    return months


def _take_first(losses: list[CustomerLoss]) -> list[CustomerLoss]:
    return nsmallest(MAX_ROWS, losses, key=lambda line: (line.day, -line.points, line.customer))
