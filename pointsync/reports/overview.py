"""The site at a glance: what its last days came to by origin, and how much needs a hand."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, literal, select, true
from sqlalchemy.orm import Session

from pointsync.db import keyset
from pointsync.ledger.hourly_totals import HourTotals
from pointsync.models import Balance, Delivery, DeliveryState, HourlyTotal, Movement, Remote, Reserve, Site
from pointsync.sync.remotes.status import ERROR
from pointsync.sync.site.settings import Settings

MAX_DAYS = 92


@dataclass(frozen=True, slots=True)
class DailyTotals:
    """Days without a gap, oldest first; by origin's Auth what each came to, the origin with most movements first."""

    days: tuple[date, ...]
    origins: dict[str, tuple[HourTotals, ...]]


@dataclass(frozen=True, slots=True)
class AttentionCounts:
    """How much does not mend by itself."""

    refused: keyset.Count
    """Deliveries refused there, or in conflict."""
    below_zero: keyset.Count
    """Movements of the period that took a balance below zero; nobody notes which of them were dealt with."""
    balances_below_zero: keyset.Count
    """Balances below zero now."""
    error_remote_count: int
    """Remotes whose status is an error."""
    hold_reason: str | None
    """Why nothing is sent at all."""


def get_daily_totals(session: Session, zone: ZoneInfo, days: int, now: datetime) -> DailyTotals:
    """What was made in the last `days` (at most 92, today included), by the clock of `zone`: one query.

    It reads the flows of those days by their primary key, never a movement. An hour counts in the day in
    which it begins, where midnight is not on the hour of UTC.
    """
    today = now.astimezone(zone).date()
    dates = tuple(today - timedelta(days=days_ago) for days_ago in reversed(range(min(max(days, 1), MAX_DAYS))))
    begins_at = datetime.combine(dates[0], time(), tzinfo=zone).astimezone(UTC)
    sums = (func.sum(HourlyTotal.movements), func.sum(HourlyTotal.given), func.sum(HourlyTotal.taken))
    rows = session.execute(
        select(HourlyTotal.hour, HourlyTotal.origin, *sums)
        .where(HourlyTotal.hour >= begins_at)
        .group_by(HourlyTotal.hour, HourlyTotal.origin)
    )
    index_by_date = {day: index for index, day in enumerate(dates)}
    origins: dict[str, list[HourTotals]] = {}
    for hour, origin, *totals in rows:
        index = index_by_date.get(hour.astimezone(zone).date())
        if index is not None:
            of_origin = origins.setdefault(origin, [HourTotals()] * len(dates))
            of_origin[index] += HourTotals(*map(int, totals))
    ranked = sorted(origins.items(), key=lambda item: (-sum(totals.movements for totals in item[1]), item[0]))
    return DailyTotals(dates, {origin: tuple(totals) for origin, totals in ranked})


def count_attention(session: Session, settings: Settings, now: datetime) -> AttentionCounts:
    """How much needs a hand: five queries, each counting up to 10,000 by an index of what is wrong alone.

    These are the partial indexes of refused deliveries and of movements below zero, and the balances' by points.
    """
    since = now - timedelta(days=settings.statistics_days)
    flagged_movements = select(Movement.recorded_at).where(Movement.below_zero == true()).order_by(Movement.seq.desc())
    newest = flagged_movements.limit(keyset.MAX_COUNT + 1).subquery()
    balances_below_zero = (
        select(literal(1))
        .select_from(Reserve)
        .join(Balance, Balance.reserve_id == Reserve.id)
        .where(Reserve.may_go_below_zero.is_(False), Balance.points < 0)
    )
    error_remotes = select(func.count()).where(Remote.status == ERROR, Remote.deleted_at.is_(None))
    return AttentionCounts(
        refused=keyset.count(
            session, select(literal(1)).select_from(Delivery).where(Delivery.state_condition(DeliveryState.FAILED))
        ),
        below_zero=keyset.count(session, select(newest).where(newest.c.recorded_at >= since)),
        balances_below_zero=keyset.count(session, balances_below_zero),
        error_remote_count=session.scalar(error_remotes) or 0,
        hold_reason=session.scalar(select(Site.hold)),
    )
