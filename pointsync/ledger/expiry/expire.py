"""Expiring points: what the rules take is worked out from the movements, and what is missing of that is recorded.

Whatever was recorded before is counted as done, so that to run it again, to run it late, or to be killed amid
it changes nothing in the end; and what a movement that arrives late changes is put right the same way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.ledger.balances import LockedBalances
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.lots import Loss, PointsChange, calculate_losses
from pointsync.ledger.expiry.rule import ExpiryRule, local_date, start_of_day
from pointsync.ledger.record import MAX_MOVEMENTS, Draft, record
from pointsync.models import Balance, Customer, ExpirySettings, Movement, Reserve

BATCH_SIZE = 200
"""Customers of one transaction; the shop's own movements wait for it."""
REASON = "Expired"
RECALCULATED_REASON = "Expiry worked out again"
LATE_BATCH_SIZE = 1_000
_PASSIVE_KINDS = frozenset({"correction", "expire"})
"""Kinds by which the customer does nothing."""


@dataclass(slots=True)
class _CustomerMovements:
    """A customer's movements in the reserve, and what the rule has been recorded to take."""

    email: str
    changes: list[PointsChange] = field(default_factory=list)
    recorded_points: int = 0
    last_seq: int = 0

    def unrecorded_losses(self, rule: ExpiryRule, zone: ZoneInfo, until: date) -> list[Loss]:
        """What is still to be recorded until that day; one of points below 0 gives back what was too much."""
        all_losses = calculate_losses(sorted(self.changes, key=lambda each: each.at), rule, zone, until)
        excess = self.recorded_points - sum(loss.points for loss in all_losses)
        if excess > 0:
            return [Loss(until, -excess)]
        remaining, unrecorded = self.recorded_points, []
        for loss in all_losses:
            covered = min(remaining, loss.points)
            remaining -= covered
            if loss.points > covered:
                unrecorded.append(Loss(loss.day, loss.points - covered))
        return unrecorded


def list_due_reserves(session: Session, zone: ZoneInfo, now: datetime) -> list[int]:
    """The reserves in which not everybody has been seen to today, by id."""
    day = local_date(now, zone)
    return [
        reserve.id
        for expiry, reserve in rules.list_enabled(session)
        if expiry.done_day is None or expiry.done_day < day
    ]


def get_last_seq(session: Session) -> int:
    """The last movement there is, to be told `finish`: what is recorded later is looked at for having come late."""
    return session.scalar(select(func.max(Movement.seq))) or 0


def find_overdue_customers(
    session: Session, reserve_id: int, after_customer_id: int, zone: ZoneInfo, now: datetime
) -> tuple[list[int], int]:
    """Of the next 200 customers behind the id `after` those for whom something is to be recorded, and the last id.

    The last id is 0 at the end. Locks nothing: `expire` looks again.
    """
    expiry = session.get_one(ExpirySettings, reserve_id)
    ids = _next_customer_ids(session, reserve_id, after_customer_id)
    rule, day = rules.to_rule(expiry), local_date(now, zone)
    movements_by_customer = _load_movements(session, reserve_id, ids, expiry.version)
    overdue_ids = [
        customer_id
        for customer_id, movements in movements_by_customer.items()
        if movements.unrecorded_losses(rule, zone, day)
    ]
    return overdue_ids, ids[-1] if len(ids) == BATCH_SIZE else 0


def expire_customers(
    session: Session, reserve_id: int, customer_ids: Sequence[int], zone: ZoneInfo, now: datetime
) -> int:
    """Record for these customers, at most 1,000, what the rule takes until today; how many movements that made.

    Each stands at the first moment of its day. Nothing where the rule was switched off meanwhile.
    """
    # Locked before what it says is read: a rule that is changed meanwhile waits, and takes what this one has left.
    expiry = session.get_one(ExpirySettings, reserve_id, with_for_update=True, populate_existing=True)
    reserve = session.get_one(Reserve, reserve_id)
    if expiry.kind == rules.NONE or not reserve.is_active:
        return 0
    LockedBalances(
        session, ((customer_id, reserve_id) for customer_id in customer_ids)
    )  # locked: nothing comes in between
    rule, day = rules.to_rule(expiry), local_date(now, zone)
    drafts = []
    for customer_id, movements in _load_movements(session, reserve_id, customer_ids, expiry.version).items():
        for index, loss in enumerate(movements.unrecorded_losses(rule, zone, day)):
            drafts.append(
                Draft(
                    movements.email,
                    points=-loss.points,
                    reserve=reserve.key,
                    kind="expire",
                    reason=REASON if loss.points > 0 else RECALCULATED_REASON,
                    ref=f"{reserve_id}:{customer_id}:{movements.last_seq}:{index}",
                    at=start_of_day(loss.day, zone) if loss.points > 0 else now,
                )
            )
    for start in range(0, len(drafts), MAX_MOVEMENTS):
        record(session, drafts[start : start + MAX_MOVEMENTS], _rule_source(expiry.version), now)
    return len(drafts)


def mark_done(session: Session, reserve_id: int, zone: ZoneInfo, now: datetime, last_seq: int) -> None:
    """Everybody has been seen to today; `last_seq` is what `newest_seq` told before."""
    expiry = session.get_one(ExpirySettings, reserve_id, with_for_update=True, populate_existing=True)
    expiry.done_day, expiry.seen_seq = local_date(now, zone), last_seq
    session.flush()


def expire_late_movements(session: Session, reserve_id: int, zone: ZoneInfo, now: datetime) -> int:
    """Work out again what movements have changed that came since, but were made before the last day was done.

    At most 1,000 of them; how many movements were recorded. One that slips by is found at the next day's run.
    """
    expiry = session.get_one(ExpirySettings, reserve_id, with_for_update=True, populate_existing=True)
    if expiry.done_day is None or expiry.kind == rules.NONE:
        return 0
    last_seq = get_last_seq(session)
    query = (
        select(Movement.seq, Movement.customer_id)
        .where(
            Movement.seq > expiry.seen_seq,
            Movement.seq <= last_seq,
            Movement.reserve_id == reserve_id,
            Movement.at < start_of_day(expiry.done_day, zone),
            Movement.kind != "expire",
        )
        .order_by(Movement.seq)
        .limit(LATE_BATCH_SIZE)
    )
    late_rows = session.execute(query).all()
    expiry.seen_seq = late_rows[-1].seq if len(late_rows) == LATE_BATCH_SIZE else last_seq
    session.flush()
    return (
        expire_customers(session, reserve_id, sorted({row.customer_id for row in late_rows}), zone, now)
        if late_rows
        else 0
    )


def forecast(
    session: Session, reserve: Reserve, rule: ExpiryRule, zone: ZoneInfo, until: date
) -> Iterator[tuple[str, list[Loss]]]:
    """Who would lose what, and when, until that day, if `rule` were the reserve's and nothing moved any more.

    By customer, those who lose nothing left out. What is there is read in parts, so that a million movements
    need no more memory than a few.
    """
    expiry = session.get(ExpirySettings, reserve.id)
    is_in_force = expiry is not None and expiry.kind != rules.NONE and rules.to_rule(expiry) == rule
    version = expiry.version if expiry is not None and is_in_force else 0
    after = 0
    while True:
        ids = _next_customer_ids(session, reserve.id, after)
        for movements in _load_movements(session, reserve.id, ids, version).values():
            if found_losses := [loss for loss in movements.unrecorded_losses(rule, zone, until) if loss.points > 0]:
                yield movements.email, found_losses
        if len(ids) < BATCH_SIZE:
            return
        after = ids[-1]


def forecast_batch(
    session: Session, expiry: ExpirySettings, after_customer_id: int, zone: ZoneInfo, after_day: date, until: date
) -> tuple[dict[int, list[Loss]], int]:
    """Of the next 200 customers behind the id `after` what each loses after `day`, up to and on `until`, if nothing
    moved any more, those who lose nothing left out; and the last id, 0 at the end. Locks nothing."""
    ids = _next_customer_ids(session, expiry.reserve_id, after_customer_id)
    rule = rules.to_rule(expiry)
    losses_by_customer = {
        customer_id: [
            loss for loss in movements.unrecorded_losses(rule, zone, until) if loss.points > 0 and loss.day > after_day
        ]
        for customer_id, movements in _load_movements(session, expiry.reserve_id, ids, expiry.version).items()
    }
    return {each: customer_losses for each, customer_losses in losses_by_customer.items() if customer_losses}, ids[
        -1
    ] if len(ids) == BATCH_SIZE else 0


def forecast_customer(
    session: Session, reserve: Reserve, rule: ExpiryRule, zone: ZoneInfo, until: date, customer: Customer
) -> list[Loss]:
    """What that customer would lose, oldest first, if nothing moved any more; `rule` is the reserve's.

    One query and one row for each of the customer's movements.
    """
    expiry = session.get_one(ExpirySettings, reserve.id)
    movements_by_customer = _load_movements(session, reserve.id, [customer.id], expiry.version).values()
    return [
        loss
        for movements in movements_by_customer
        for loss in movements.unrecorded_losses(rule, zone, until)
        if loss.points > 0
    ]


def _next_customer_ids(session: Session, reserve_id: int, after_customer_id: int) -> list[int]:
    """The next 200 customers with a balance in the reserve, behind the id `after`."""
    query = select(Balance.customer_id).where(Balance.reserve_id == reserve_id, Balance.customer_id > after_customer_id)
    return list(session.scalars(query.order_by(Balance.customer_id).limit(BATCH_SIZE)))


def _load_movements(
    session: Session, reserve_id: int, customer_ids: Sequence[int], version: int
) -> dict[int, _CustomerMovements]:
    """By customer. No movement was made after it was recorded here, whatever a clock elsewhere says."""
    query = (
        select(
            Movement.seq,
            Movement.customer_id,
            Movement.kind,
            Movement.points,
            Movement.source,
            Movement.at,
            Movement.recorded_at,
            Customer.email,
        )
        .join(Customer, Customer.id == Movement.customer_id)
        .where(Movement.customer_id.in_(customer_ids), Movement.reserve_id == reserve_id)
        .order_by(Movement.customer_id, Movement.seq)
    )
    movements_by_customer: dict[int, _CustomerMovements] = {}
    for row in session.execute(query):
        movements = movements_by_customer.setdefault(row.customer_id, _CustomerMovements(row.email))
        movements.last_seq = row.seq
        if row.kind == "expire" and row.source == _rule_source(version):
            movements.recorded_points -= row.points
        elif row.points:
            movements.changes.append(
                PointsChange(min(row.at, row.recorded_at), row.points, row.kind not in _PASSIVE_KINDS)
            )
    return movements_by_customer


def _rule_source(version: int) -> str:
    return f"expiry:{version}"
