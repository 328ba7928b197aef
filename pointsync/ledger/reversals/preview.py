"""What a reversal would do: how many points came from an origin since some time, and who would lose them.

Uses the time at which this site recorded a movement. The movement's own `at` comes from the origin, which may lie.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, exists, func, select
from sqlalchemy.orm import Session

from pointsync.ledger.below_zero.overdrawn import corrected_condition
from pointsync.models import Balance, Customer, Movement, Reserve, ReversedMovement

MAX_CUSTOMERS_SHOWN = 100
"""Customers that a preview lists."""


@dataclass(frozen=True, slots=True)
class ReversalScope:
    """The movements of an origin that were recorded here at `since` or later, in one reserve or in all active ones."""

    origin: str
    since: datetime
    reserve: Reserve | None = None


@dataclass(frozen=True, slots=True)
class ReserveTotals:
    """The movements in one reserve, summed up; `taken` is positive."""

    reserve_key: str
    reserve_name: str
    movements: int
    given: int
    taken: int
    balances: int
    below_zero: int
    """Balances that would be lowered below zero although the reserve does not allow it."""


@dataclass(frozen=True, slots=True)
class CustomerChange:
    """The points that a customer would get back in a reserve (negative: lose), and the balance after it."""

    customer: str
    reserve_key: str
    points: int
    after: int


@dataclass(frozen=True, slots=True)
class ReversalPreview:
    """What a reversal would do now."""

    scope: ReversalScope
    reserve_totals: tuple[ReserveTotals, ...]
    customers: int
    largest_changes: tuple[CustomerChange, ...]
    """The first 100, the largest change first."""
    last_seq: int
    skipped_reversed: int
    """Movements of the scope that were already reversed."""
    skipped_corrected: int
    """Movements that took a balance below zero and were corrected by an admin."""
    skipped_inactive: int
    """Movements in inactive reserves."""

    @property
    def movements(self) -> int:
        """How many movements would be reversed."""
        return sum(totals.movements for totals in self.reserve_totals)

    @property
    def below_zero(self) -> int:
        """How many balances would be below zero although that is not allowed."""
        return sum(totals.below_zero for totals in self.reserve_totals)

    @property
    def digest(self) -> str:
        """A hash of what would be reversed, to detect whether it has changed since it was shown."""
        counts = [
            (totals.reserve_key, totals.movements, totals.given, totals.taken, totals.balances)
            for totals in self.reserve_totals
        ]
        return hashlib.sha256(json.dumps([counts, self.customers, self.last_seq]).encode()).hexdigest()[:32]


def preview_reversal(session: Session, scope: ReversalScope) -> ReversalPreview:
    """What would be reversed, and for whom. Changes and locks nothing; always seven queries."""
    changes = (
        select(
            Customer.person_id().label("customer_id"),
            Movement.reserve_id,
            func.count().label("movements"),
            func.sum(case((Movement.points > 0, Movement.points), else_=0)).label("given"),
            func.sum(case((Movement.points < 0, -Movement.points), else_=0)).label("taken"),
            func.sum(Movement.points).label("points"),
            func.max(Movement.seq).label("last_seq"),
        )
        .join(Customer, Customer.id == Movement.customer_id)
        .where(*_scope_conditions(scope), *reversible_conditions())
        .group_by(Customer.person_id(), Movement.reserve_id)
        .subquery()
    )
    balance = and_(Balance.customer_id == changes.c.customer_id, Balance.reserve_id == changes.c.reserve_id)
    becomes_overdrawn = and_(Balance.points - changes.c.points < 0, changes.c.points > 0, ~Reserve.may_go_below_zero)
    sums = (func.sum(changes.c.movements), func.sum(changes.c.given), func.sum(changes.c.taken), func.count())
    rows = session.execute(
        select(
            Reserve.key,
            Reserve.name,
            *sums,
            func.sum(case((becomes_overdrawn, 1), else_=0)),
            func.max(changes.c.last_seq),
        )
        .select_from(changes)
        .join(Balance, balance)
        .join(Reserve, Reserve.id == changes.c.reserve_id)
        .group_by(Reserve.key, Reserve.name)
        .order_by(Reserve.key)
    ).all()
    largest_changes = session.execute(
        select(Customer.email, Reserve.key, -changes.c.points, Balance.points - changes.c.points)
        .select_from(changes)
        .join(Balance, balance)
        .join(Customer, Customer.id == changes.c.customer_id)
        .join(Reserve, Reserve.id == changes.c.reserve_id)
        .where(changes.c.points != 0)
        .order_by(func.abs(changes.c.points).desc(), changes.c.customer_id, changes.c.reserve_id)
        .limit(MAX_CUSTOMERS_SHOWN)
    )
    in_scope, not_reversed = _scope_conditions(scope), ~_reversed_condition()
    return ReversalPreview(
        scope=scope,
        reserve_totals=tuple(ReserveTotals(row[0], row[1], *(int(number) for number in row[2:7])) for row in rows),
        customers=session.scalar(select(func.count(func.distinct(changes.c.customer_id)))) or 0,
        largest_changes=tuple(
            CustomerChange(email, key, int(points), int(after)) for email, key, points, after in largest_changes
        ),
        last_seq=max((row[7] for row in rows), default=0),
        skipped_reversed=_count(session, *in_scope, _reversed_condition()),
        skipped_corrected=_count(session, *in_scope, not_reversed, corrected_condition()),
        skipped_inactive=_count(session, *in_scope, not_reversed, ~corrected_condition(), ~_active_condition()),
    )


def reversible_conditions() -> tuple[ColumnElement[bool], ...]:
    """For queries of movements: not reversed yet, not corrected by an admin, and in an active reserve."""
    return ~_reversed_condition(), ~corrected_condition(), _active_condition()


def _scope_conditions(scope: ReversalScope) -> tuple[ColumnElement[bool], ...]:
    conditions = (Movement.origin == scope.origin, Movement.recorded_at >= scope.since, Movement.points != 0)
    return conditions if scope.reserve is None else (*conditions, Movement.reserve_id == scope.reserve.id)


def _reversed_condition() -> ColumnElement[bool]:
    return exists().where(ReversedMovement.movement_seq == Movement.seq)


def _active_condition() -> ColumnElement[bool]:
    return Movement.reserve_id.in_(select(Reserve.id).where(Reserve.is_active))


def _count(session: Session, *where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Movement).where(*where)) or 0
