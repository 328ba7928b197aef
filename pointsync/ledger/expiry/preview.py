"""What an expiry rule would take, summed up for a preview before the rule is set."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from heapq import nsmallest
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.clock import add_months
from pointsync.ledger.expiry.expire import forecast
from pointsync.ledger.expiry.rule import ExpiryRule
from pointsync.models import Balance, Reserve

MAX_CUSTOMERS = 20_000
"""Customers with a loss that are counted; more would take too long for a page."""
MAX_ROWS = 100
PREVIEW_PERIOD = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class LossTotal:
    """The points that expire on a day or in a month, and the number of customers who lose them."""

    starts_on: date
    customers: int
    points: int


@dataclass(frozen=True, slots=True)
class CustomerLoss:
    """The points that one customer would lose on a day."""

    day: date
    customer: str
    points: int


@dataclass(frozen=True, slots=True)
class ExpiryPreview:
    """What would expire at once and in each month of the next year, and for which customers first."""

    until: date
    customers: int
    """All customers who have a balance in the reserve."""
    immediate: LossTotal
    months: tuple[LossTotal, ...]
    """One per month, without what expires at once; months without losses are included."""
    first_losses: tuple[CustomerLoss, ...]
    """The first 100, sorted by day and then by points, the most first."""
    is_complete: bool
    """Whether all customers who would lose points were counted."""

    @property
    def points(self) -> int:
        """All points that would expire up to `until`."""
        return self.immediate.points + sum(month.points for month in self.months)


def preview(session: Session, reserve: Reserve, rule: ExpiryRule, zone: ZoneInfo, today: date) -> ExpiryPreview:
    """What `rule` would take in the year from `today` on, if nothing moved any more. Changes nothing."""
    until = today + PREVIEW_PERIOD
    forecasts = forecast(session, reserve, rule, zone, until)
    points: Counter[date] = Counter()
    customers: Counter[date] = Counter()
    first_losses: list[CustomerLoss] = []
    for email, losses in islice(forecasts, MAX_CUSTOMERS):
        points_by_period: Counter[date] = Counter()
        for loss in losses:
            points_by_period[_start_of_period(loss.day, today)] += loss.points
        points.update(points_by_period)
        customers.update(points_by_period.keys())
        first_losses += [CustomerLoss(max(loss.day, today), email, loss.points) for loss in losses]
        if len(first_losses) > 10 * MAX_ROWS:
            first_losses = _take_first(first_losses)
    count = select(func.count()).select_from(Balance).where(Balance.reserve_id == reserve.id)
    return ExpiryPreview(
        until=until,
        customers=session.scalar(count) or 0,
        immediate=LossTotal(today, customers[today], points[today]),
        months=tuple(LossTotal(month, customers[month], points[month]) for month in _list_months(today, until)),
        first_losses=tuple(_take_first(first_losses)),
        is_complete=next(forecasts, None) is None,
    )


def _start_of_period(day: date, today: date) -> date:
    """`today` for what expires at once, otherwise the first day of the month, but not before tomorrow."""
    if day <= today:
        return today
    return max(day.replace(day=1), today + timedelta(days=1))


def _list_months(today: date, until: date) -> list[date]:
    """Tomorrow, and the first day of each later month."""
    month, months = today + timedelta(days=1), []
    while month <= until:
        months.append(month)
        month = add_months(month.replace(day=1), 1)
    return months


def _take_first(losses: list[CustomerLoss]) -> list[CustomerLoss]:
    return nsmallest(MAX_ROWS, losses, key=lambda loss: (loss.day, -loss.points, loss.customer))
