"""What a reversal would do: how much came from an origin since a moment, who has it, and what they would have after.

Judged by when this site recorded a movement. Its own `at` is what its origin says, and a thief can say anything.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, exists, func, select
from sqlalchemy.orm import Session

from pointsync.ledger.overdrawn import is_corrected
from pointsync.models import Balance, Customer, Movement, Reserve, ReversedMovement

SHOWN = 100
"""Customers that a preview names."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which movements: of an origin, recorded here at `since` or later, in one reserve or in all that are active."""

    origin: str
    since: datetime
    reserve: Reserve | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What the movements in one reserve came to; `taken` is a number above zero."""

    reserve_key: str
    reserve_name: str
    movements: int
    given: int
    taken: int
    balances: int
    below_zero: int
    """Balances that would be below zero, and are lowered, where the reserve does not allow it."""


@dataclass(frozen=True, slots=True)
class Person:
    """What a customer would get back (or, below zero, lose) in a reserve, and the balance after it."""

    customer: str
    reserve_key: str
    points: int
    after: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a reversal would do now."""

    scope: Scope
    parts: tuple[Part, ...]
    customers: int
    people: tuple[Person, ...]
    """The first hundred, those with the largest change first."""
    last_seq: int
    left_reversed: int
    """Movements of the scope that were taken back before."""
    left_corrected: int
    """Those that took a balance below zero and were corrected by hand."""
    left_inactive: int
    """Those in reserves that are not active."""

    @property
    def movements(self) -> int:
        """How many would be taken back."""
        return sum(part.movements for part in self.parts)

    @property
    def below_zero(self) -> int:
        """How many balances would be below zero, where that is not allowed."""
        return sum(part.below_zero for part in self.parts)

    @property
    def digest(self) -> str:
        """What is taken back, in short: the same as long as that is the same."""
        counts = [(part.reserve_key, part.movements, part.given, part.taken, part.balances) for part in self.parts]
        return hashlib.sha256(json.dumps([counts, self.customers, self.last_seq]).encode()).hexdigest()[:32]


def preview(session: Session, scope: Scope) -> Preview:
    """What would be taken back, from whom; nothing is changed or locked. Seven queries, whatever there is."""
    pots = (
        select(
            Movement.customer_id,
            Movement.reserve_id,
            func.count().label("movements"),
            func.sum(case((Movement.points > 0, Movement.points), else_=0)).label("given"),
            func.sum(case((Movement.points < 0, -Movement.points), else_=0)).label("taken"),
            func.sum(Movement.points).label("points"),
            func.max(Movement.seq).label("last_seq"),
        )
        .where(*_in(scope), *is_open())
        .group_by(Movement.customer_id, Movement.reserve_id)
        .subquery()
    )
    balance = and_(Balance.customer_id == pots.c.customer_id, Balance.reserve_id == pots.c.reserve_id)
    falls = and_(Balance.points - pots.c.points < 0, pots.c.points > 0, ~Reserve.may_go_below_zero)
    sums = (func.sum(pots.c.movements), func.sum(pots.c.given), func.sum(pots.c.taken), func.count())
    rows = session.execute(
        select(Reserve.key, Reserve.name, *sums, func.sum(case((falls, 1), else_=0)), func.max(pots.c.last_seq))
        .select_from(pots)
        .join(Balance, balance)
        .join(Reserve, Reserve.id == pots.c.reserve_id)
        .group_by(Reserve.key, Reserve.name)
        .order_by(Reserve.key)
    ).all()
    people = session.execute(
        select(Customer.email, Reserve.key, -pots.c.points, Balance.points - pots.c.points)
        .select_from(pots)
        .join(Balance, balance)
        .join(Customer, Customer.id == pots.c.customer_id)
        .join(Reserve, Reserve.id == pots.c.reserve_id)
        .where(pots.c.points != 0)
        .order_by(func.abs(pots.c.points).desc(), pots.c.customer_id, pots.c.reserve_id)
        .limit(SHOWN)
    )
    return Preview(
        scope,
        tuple(Part(row[0], row[1], *(int(number) for number in row[2:7])) for row in rows),
        session.scalar(select(func.count(func.distinct(pots.c.customer_id)))) or 0,
        tuple(Person(email, key, int(points), int(after)) for email, key, points, after in people),
        max((row[7] for row in rows), default=0),
        _count(session, *_in(scope), _is_reversed()),
        _count(session, *_in(scope), ~_is_reversed(), is_corrected()),
        _count(session, *_in(scope), ~_is_reversed(), ~is_corrected(), ~_is_active()),
    )


def is_open() -> tuple[ColumnElement[bool], ...]:
    """In a query of movements, those that can be taken back: not taken back before, nor corrected by hand, and in a
    reserve that is active."""
    return ~_is_reversed(), ~is_corrected(), _is_active()


def _in(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    found = (Movement.origin == scope.origin, Movement.recorded_at >= scope.since, Movement.points != 0)
    return found if scope.reserve is None else (*found, Movement.reserve_id == scope.reserve.id)


def _is_reversed() -> ColumnElement[bool]:
    return exists().where(ReversedMovement.movement_seq == Movement.seq)


def _is_active() -> ColumnElement[bool]:
    return Movement.reserve_id.in_(select(Reserve.id).where(Reserve.is_active))


def _count(session: Session, *where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Movement).where(*where)) or 0
