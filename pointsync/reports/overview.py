"""The site at a glance: what its last days came to by origin, and how much needs a hand."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, literal, select, true
from sqlalchemy.orm import Session

from pointsync.db import keyset
from pointsync.ledger.hourly_totals import Came
from pointsync.models import Balance, Delivery, Flow, Movement, Remote, Reserve, Site, State
from pointsync.sync.remotes.status import ERROR
from pointsync.sync.site.settings import Settings

MOST_DAYS = 92


@dataclass(frozen=True, slots=True)
class Traffic:
    """Days without a gap, oldest first; by origin's Auth what each came to, the origin with most movements first."""

    days: tuple[date, ...]
    origins: dict[str, tuple[Came, ...]]


@dataclass(frozen=True, slots=True)
class Hands:
    """How much does not mend by itself."""

    refused: keyset.Count
    """Deliveries refused there, or in conflict."""
    below_zero: keyset.Count
    """Movements of the period that took a balance below zero; nobody notes which of them were dealt with."""
    customers_below: keyset.Count
    """Balances below zero now."""
    red: int
    """Remotes whose status is an error."""
    hold: str | None
    """Why nothing is sent at all."""


def traffic(session: Session, zone: ZoneInfo, days: int, now: datetime) -> Traffic:
    """What was made in the last `days` (at most 92, today included), by the clock of `zone`: one query.

    It reads the flows of those days by their primary key, never a movement. An hour counts in the day in
    which it begins, where midnight is not on the hour of UTC.
    """
    today = now.astimezone(zone).date()
    shown = tuple(today - timedelta(days=back) for back in reversed(range(min(max(days, 1), MOST_DAYS))))
    begins = datetime.combine(shown[0], time(), tzinfo=zone).astimezone(UTC)
    sums = (func.sum(Flow.movements), func.sum(Flow.given), func.sum(Flow.taken))
    rows = session.execute(
        select(Flow.hour, Flow.origin, *sums).where(Flow.hour >= begins).group_by(Flow.hour, Flow.origin)
    )
    places = {day: place for place, day in enumerate(shown)}
    origins: dict[str, list[Came]] = {}
    for hour, origin, *came in rows:
        place = places.get(hour.astimezone(zone).date())
        if place is not None:
            of_origin = origins.setdefault(origin, [Came()] * len(shown))
            of_origin[place] += Came(*map(int, came))
    ranked = sorted(origins.items(), key=lambda item: (-sum(came.movements for came in item[1]), item[0]))
    return Traffic(shown, {origin: tuple(came) for origin, came in ranked})


def hands(session: Session, settings: Settings, now: datetime) -> Hands:
    """How much needs a hand: five queries, each counting up to 10,000 by an index of what is wrong alone.

    These are the partial indexes of refused deliveries and of movements below zero, and the balances' by points.
    """
    since = now - timedelta(days=settings.statistics_days)
    flagged = select(Movement.recorded_at).where(Movement.below_zero == true()).order_by(Movement.seq.desc())
    newest = flagged.limit(keyset.MOST + 1).subquery()
    below = (
        select(literal(1))
        .select_from(Reserve)
        .join(Balance, Balance.reserve_id == Reserve.id)
        .where(Reserve.may_go_below_zero.is_(False), Balance.points < 0)
    )
    red = select(func.count()).where(Remote.status == ERROR, Remote.deleted_at.is_(None))
    return Hands(
        refused=keyset.count(session, select(literal(1)).select_from(Delivery).where(Delivery.is_in(State.FAILED))),
        below_zero=keyset.count(session, select(newest).where(newest.c.recorded_at >= since)),
        customers_below=keyset.count(session, below),
        red=session.scalar(red) or 0,
        hold=session.scalar(select(Site.hold)),
    )
