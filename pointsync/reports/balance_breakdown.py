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
from pointsync.ledger.expiry.expire import foresee_one
from pointsync.ledger.expiry.lots import Loss
from pointsync.ledger.expiry.rule import today
from pointsync.ledger.rewards import levels
from pointsync.models import Balance, Customer, Delivery, Level, Movement, Reserve, State, Unlock
from pointsync.models.delivery import WAITING
from pointsync.sync.site.names import Names

AHEAD = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Part:
    """The customer's movements of one kind made at one site, by its Auth, together."""

    origin: str
    site: str
    kind: str
    movements: int
    points: int


@dataclass(frozen=True, slots=True)
class Owed:
    """How many of the customer's movements one remote does not have."""

    remote_id: int
    remote: str
    waiting: int
    """Customers unknown there included."""
    refused: int


@dataclass(frozen=True, slots=True)
class Why:
    """A balance, as it is kept, and what made it."""

    reserve: Reserve
    balance: int
    parts: tuple[Part, ...]
    """This site's first, then the others' by name; the most points of a site first."""
    since: datetime | None
    """When the first of the movements was made."""
    owed: tuple[Owed, ...]
    losses: tuple[Loss, ...] | None
    """What is lost within a year, a day each, if nothing moves before; None where that would take too long."""
    reached: tuple[tuple[Unlock, Level], ...]

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
    known: Names,
    own: str,
    zone: ZoneInfo,
    now: datetime,
    *,
    most_replayed: int | None = None,
) -> Why:
    """Why the customer's balance in `reserve` is what it is: five queries, seven where points can be lost.

    Two of them add up the customer's movements by the index on (customer_id, seq). To tell what is lost these are
    replayed one by one, which is left out for more than `most_replayed` of them.
    """
    mine = (Movement.customer_id == customer.id, Movement.reserve_id == reserve.id)
    balance = select(Balance.points).where(Balance.customer_id == customer.id, Balance.reserve_id == reserve.id)
    sums = (func.count(), func.sum(Movement.points), func.min(Movement.at))
    rows = session.execute(
        select(Movement.origin, Movement.kind, *sums).where(*mine).group_by(Movement.origin, Movement.kind)
    ).all()
    parts = [Part(row[0], known.origin(row[0]), row[1], int(row[2]), int(row[3])) for row in rows]
    count = sum(part.movements for part in parts)
    can_tell = most_replayed is None or count <= most_replayed
    return Why(
        reserve,
        session.scalar(balance) or 0,
        tuple(sorted(parts, key=lambda each: (each.origin != own, each.site.casefold(), each.origin, -each.points))),
        min((row[4] for row in rows), default=None),
        _owed(session, mine, known),
        _losses(session, customer, reserve, zone, today(now, zone)) if can_tell else None,
        tuple((unlock, level) for unlock, level, each in levels.reached(session, customer) if each.id == reserve.id),
    )


def document(why: Why) -> dict[str, Any]:
    """`{reserve, balance, sum, movements, adds_up, since, parts, owed, losses, levels}`."""
    return {
        "reserve": why.reserve.key,
        "balance": why.balance,
        "sum": why.sum,
        "movements": why.movements,
        "adds_up": why.adds_up,
        "since": clock.to_text(why.since) if why.since else None,
        "parts": [
            {"site": part.site, "auth": part.origin, "kind": part.kind}
            | {"movements": part.movements, "points": part.points}
            for part in why.parts
        ],
        "owed": [
            {"id": owed.remote_id, "remote": owed.remote, "waiting": owed.waiting, "refused": owed.refused}
            for owed in why.owed
        ],
        "losses": [{"day": loss.day.isoformat(), "points": loss.points} for loss in why.losses or ()],
        "levels": [{"title": level.title, "at": clock.to_text(unlock.at)} for unlock, level in why.reached],
    }


def _losses(session: Session, customer: Customer, reserve: Reserve, zone: ZoneInfo, day: date) -> tuple[Loss, ...]:
    rule = rules.get(session, reserve)
    if rule is None:
        return ()
    points: Counter[date] = Counter()
    for loss in foresee_one(session, reserve, rule, zone, day + AHEAD, customer):
        points[max(loss.day, day)] += loss.points
    return tuple(Loss(*each) for each in sorted(points.items()))


def _owed(session: Session, mine: tuple[Any, ...], known: Names) -> tuple[Owed, ...]:
    counts: dict[int, dict[State, int]] = {}
    query = (
        select(Delivery.remote_id, Delivery.state, func.count())
        .join(Movement, Movement.seq == Delivery.movement_seq)
        .where(*mine, or_(*(Delivery.is_in(state) for state in WAITING)))
        .group_by(Delivery.remote_id, Delivery.state)
    )
    for remote_id, state, count in session.execute(query):
        counts.setdefault(remote_id, {})[State(state)] = count
    found = [
        Owed(
            remote_id,
            known.remote(remote_id),
            of_remote.get(State.PENDING, 0) + of_remote.get(State.UNKNOWN, 0),
            of_remote.get(State.FAILED, 0),
        )
        for remote_id, of_remote in counts.items()
    ]
    return tuple(sorted(found, key=lambda each: (each.remote.casefold(), each.remote_id)))
