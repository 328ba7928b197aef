"""The numbers on the dashboard: points per day and origin, and how much needs attention."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from pointsync.clock import local_date, start_of_day
from pointsync.db import keyset
from pointsync.ledger.hourly_totals import HourTotals
from pointsync.models import Balance, Delivery, DeliveryState, HourlyTotal, Reserve

MAX_DAYS = 92


@dataclass(frozen=True, slots=True)
class DailyTotals:
    """Totals of consecutive days, oldest first, by the origin's Auth. The origin with most movements comes first."""

    days: tuple[date, ...]
    origins: dict[str, tuple[HourTotals, ...]]


@dataclass(frozen=True, slots=True)
class AttentionCounts:
    """What an admin must look at."""

    refused: keyset.Count
    """Deliveries that a remote refused or reported as a conflict."""
    balances_below_zero: keyset.Count
    """Balances that are below zero now."""


def get_daily_totals(session: Session, zone: ZoneInfo, days: int, now: datetime) -> DailyTotals:
    """The totals of the last `days` days in `zone`, today included; at most `MAX_DAYS`. One query.

    It reads the hourly totals of these days by their primary key, and no movements. If midnight in `zone` is not on the
    hour of UTC, an hour counts for the day in which it begins.
    """
    today = local_date(now, zone)
    dates = tuple(today - timedelta(days=days_ago) for days_ago in reversed(range(min(max(days, 1), MAX_DAYS))))
    sums = (func.sum(HourlyTotal.movements), func.sum(HourlyTotal.given), func.sum(HourlyTotal.taken))
    rows = session.execute(
        select(HourlyTotal.hour, HourlyTotal.origin, *sums)
        .where(HourlyTotal.hour >= start_of_day(dates[0], zone))
        .group_by(HourlyTotal.hour, HourlyTotal.origin)
    )
    index_by_date = {day: index for index, day in enumerate(dates)}
    origins: dict[str, list[HourTotals]] = {}
    for hour, origin, *totals in rows:
        index = index_by_date.get(local_date(hour, zone))
        if index is not None:
            totals_by_day = origins.setdefault(origin, [HourTotals()] * len(dates))
            totals_by_day[index] += HourTotals(*map(int, totals))
    ranked = sorted(origins.items(), key=lambda item: (-sum(totals.movements for totals in item[1]), item[0]))
    return DailyTotals(dates, {origin: tuple(totals) for origin, totals in ranked})


def count_attention(session: Session) -> AttentionCounts:
    """Count what needs attention. Two queries, each of which counts up to `keyset.MAX_COUNT` rows.

    They use the partial index of refused deliveries and the index of balances by points.
    """
    refused = select(literal(1)).select_from(Delivery).where(Delivery.state_condition(DeliveryState.FAILED))
    balances_below_zero = (
        select(literal(1))
        .select_from(Reserve)
        .join(Balance, Balance.reserve_id == Reserve.id)
        .where(Reserve.may_go_below_zero.is_(False), Balance.points < 0)
    )
    return AttentionCounts(keyset.count(session, refused), keyset.count(session, balances_below_zero))
