"""The breakdown of a balance: its movements by site and kind, and what may still change it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.clock import local_date
from pointsync.ledger.expiry.lots import Loss
from pointsync.ledger.expiry.upcoming import list_losses
from pointsync.ledger.people.members import of_customer
from pointsync.ledger.rewards import levels
from pointsync.models import Balance, Customer, Delivery, DeliveryState, Level, LevelUnlock, Movement, Reserve
from pointsync.models.delivery import OPEN_STATES
from pointsync.sync.site.names import SiteNames


@dataclass(frozen=True, slots=True)
class Part:
    """The customer's movements of one kind from one site. `origin` is the Auth of the site."""

    origin: str
    site_name: str
    kind: str
    movements: int
    points: int


@dataclass(frozen=True, slots=True)
class RemoteBacklog:
    """How many of the customer's movements are not delivered to one remote."""

    remote_id: int
    remote_name: str
    waiting: int
    """Pending, or refused there because the customer is unknown."""
    refused: int


@dataclass(frozen=True, slots=True)
class BalanceBreakdown:
    """A stored balance and where it comes from."""

    reserve: Reserve
    balance: int
    parts: tuple[Part, ...]
    """This site comes first, then the others by name; within a site, the kind with most points comes first."""
    first_movement_at: datetime | None
    """The time of the first movement."""
    outstanding: tuple[RemoteBacklog, ...]
    losses: tuple[Loss, ...] | None
    """The points that expire within a year if nothing else happens, by day. None if there are too many movements."""
    levels: tuple[tuple[LevelUnlock, Level], ...]

    @property
    def movements(self) -> int:
        """The number of movements."""
        return sum(part.movements for part in self.parts)

    @property
    def sum(self) -> int:
        """The sum of their points."""
        return sum(part.points for part in self.parts)

    @property
    def adds_up(self) -> bool:
        """Whether the sum equals the balance. If not, something other than PointSync has changed the database."""
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
    """Break down the customer's balance in `reserve`. Six queries; eight if the reserve has an expiry rule.

    Two of them add up the customer's movements with the index on (customer_id, seq). The forecast of expiring points
    replays the movements one by one; it is left out if there are more than `max_replayed`.
    """
    conditions = (of_customer(session, customer.id), Movement.reserve_id == reserve.id)
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
        list_losses(session, customer, reserve, zone, local_date(now, zone)) if includes_losses else None,
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
