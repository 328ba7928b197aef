"""Why a balance is what it is: its movements added up by site and kind, and all that may still change it."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.expire import forecast_customer
from pointsync.ledger.expiry.lots import Loss
from pointsync.ledger.expiry.rule import local_date
from pointsync.ledger.rewards import levels
from pointsync.models import Balance, Customer, Delivery, DeliveryState, Level, LevelUnlock, Movement, Reserve
from pointsync.models.delivery import OPEN_STATES
from pointsync.sync.site.names import SiteNames

LOOKAHEAD = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Part:
    """The customer's movements of one kind made at one site, by its Auth, together."""

    origin: str
    site_name: str
    kind: str
    movements: int
    points: int


@dataclass(frozen=True, slots=True)
class RemoteBacklog:
    """How many of the customer's movements one remote does not have."""

    remote_id: int
    remote_name: str
    waiting: int
    """Customers unknown there included."""
    refused: int


@dataclass(frozen=True, slots=True)
class BalanceBreakdown:
    """A balance, as it is kept, and what made it."""

    reserve: Reserve
    balance: int
    parts: tuple[Part, ...]
    """This site's first, then the others' by name; the most points of a site first."""
    first_movement_at: datetime | None
    """When the first of the movements was made."""
    outstanding: tuple[RemoteBacklog, ...]
    losses: tuple[Loss, ...] | None
    """What is lost within a year, a day each, if nothing moves before; None where that would take too long."""
    levels: tuple[tuple[LevelUnlock, Level], ...]

    @property
    def movements(self) -> int:
        """How many there are."""
        return sum(part.movements for part in self.parts)

    @property
    def sum(self) -> int:
        """What they add up to."""
        return sum(part.points for part in self.parts)

    @property
    def adds_up(self) -> bool:
        """Whether that is the balance; where it is not, somebody has changed the database past PointSync."""
        return self.sum == self.balance


def explain(
    session: Session,
    customer: Customer,
    reserve: Reserve,
    site_names: SiteNames,
    own_auth: str,
    zone: ZoneInfo,
    now: datetime,
    *,
    max_replayed: int | None = None,
) -> BalanceBreakdown:
    """Why the customer's balance in `reserve` is what it is: five queries, seven where points can be lost.

    Two of them add up the customer's movements by the index on (customer_id, seq). To tell what is lost these are
    replayed one by one, which is left out for more than `most_replayed` of them.
    """
    conditions = (Movement.customer_id == customer.id, Movement.reserve_id == reserve.id)
    balance = select(Balance.points).where(Balance.customer_id == customer.id, Balance.reserve_id == reserve.id)
    sums = (func.count(), func.sum(Movement.points), func.min(Movement.at))
    rows = session.execute(
        select(Movement.origin, Movement.kind, *sums).where(*conditions).group_by(Movement.origin, Movement.kind)
    ).all()
    parts = [Part(row[0], site_names.for_origin(row[0]), row[1], int(row[2]), int(row[3])) for row in rows]
    count = sum(part.movements for part in parts)
    includes_losses = max_replayed is None or count <= max_replayed
    return BalanceBreakdown(
        reserve,
        session.scalar(balance) or 0,
        tuple(
            sorted(
                parts, key=lambda each: (each.origin != own_auth, each.site_name.casefold(), each.origin, -each.points)
            )
        ),
        min((row[4] for row in rows), default=None),
        _count_outstanding(session, conditions, site_names),
        _forecast_losses(session, customer, reserve, zone, local_date(now, zone)) if includes_losses else None,
        tuple(
            (unlock, level) for unlock, level, each in levels.list_reached(session, customer) if each.id == reserve.id
        ),
    )


def to_json(breakdown: BalanceBreakdown) -> dict[str, Any]:
    """`{reserve, balance, sum, movements, adds_up, since, parts, owed, losses, levels}`."""
    return {
        "reserve": breakdown.reserve.key,
        "balance": breakdown.balance,
        "sum": breakdown.sum,
        "movements": breakdown.movements,
        "adds_up": breakdown.adds_up,
        "since": clock.to_text(breakdown.first_movement_at) if breakdown.first_movement_at else None,
        "parts": [
            {"site": part.site_name, "auth": part.origin, "kind": part.kind}
            | {"movements": part.movements, "points": part.points}
            for part in breakdown.parts
        ],
        "owed": [
            {
                "id": backlog.remote_id,
                "remote": backlog.remote_name,
                "waiting": backlog.waiting,
                "refused": backlog.refused,
            }
            for backlog in breakdown.outstanding
        ],
        "losses": [{"day": loss.day.isoformat(), "points": loss.points} for loss in breakdown.losses or ()],
        "levels": [{"title": level.title, "at": clock.to_text(unlock.at)} for unlock, level in breakdown.levels],
    }


def _forecast_losses(
    session: Session, customer: Customer, reserve: Reserve, zone: ZoneInfo, day: date
) -> tuple[Loss, ...]:
    rule = rules.get_rule(session, reserve)
    if rule is None:
        return ()
    points: Counter[date] = Counter()
    for loss in forecast_customer(session, reserve, rule, zone, day + LOOKAHEAD, customer):
        points[max(loss.day, day)] += loss.points
    return tuple(Loss(*each) for each in sorted(points.items()))


def _count_outstanding(
    session: Session, conditions: tuple[Any, ...], site_names: SiteNames
) -> tuple[RemoteBacklog, ...]:
    counts: dict[int, dict[DeliveryState, int]] = {}
    query = (
        select(Delivery.remote_id, Delivery.state, func.count())
        .join(Movement, Movement.seq == Delivery.movement_seq)
        .where(*conditions, or_(*(Delivery.state_condition(state) for state in OPEN_STATES)))
        .group_by(Delivery.remote_id, Delivery.state)
    )
    for remote_id, state, count in session.execute(query):
        counts.setdefault(remote_id, {})[DeliveryState(state)] = count
    found = [
        RemoteBacklog(
            remote_id,
            site_names.for_remote(remote_id),
            of_remote.get(DeliveryState.PENDING, 0) + of_remote.get(DeliveryState.UNKNOWN, 0),
            of_remote.get(DeliveryState.FAILED, 0),
        )
        for remote_id, of_remote in counts.items()
    ]
    return tuple(sorted(found, key=lambda each: (each.remote_name.casefold(), each.remote_id)))
