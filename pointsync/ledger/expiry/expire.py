"""Expiring points: calculates from the movements what has expired, and records what is missing.

What was recorded before is subtracted. So it does no harm to run this again, to run it late, or to interrupt it; and
if a movement arrives late and changes what should have expired, the difference is recorded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from pointsync.clock import local_date, start_of_day
from pointsync.db.chunking import chunks
from pointsync.ledger.balances import LockedBalances
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.lots import Loss, PointsChange, calculate_losses
from pointsync.ledger.expiry.rule import ExpiryRule
from pointsync.ledger.holds.held_points import sum_held
from pointsync.ledger.people.members import lock_people, select_members
from pointsync.ledger.record import MAX_MOVEMENTS, Draft, record
from pointsync.models import Balance, Customer, ExpirySettings, Movement, Reserve

BATCH_SIZE = 200
"""Customers per transaction; the shop's own movements wait for it."""
REASON = "Expired"
RECALCULATED_REASON = "Expiry recalculated"
LATE_BATCH_SIZE = 1_000
_PASSIVE_KINDS = frozenset({"correction", "expire"})
"""Kinds that are no activity of the customer."""


@dataclass(slots=True)
class _CustomerMovements:
    """A customer's movements in the reserve, and the points that the rule has already taken."""

    email: str
    changes: list[PointsChange] = field(default_factory=list)
    recorded_points: int = 0
    last_seq: int = 0

    def unrecorded_losses(self, rule: ExpiryRule, zone: ZoneInfo, until: date) -> list[Loss]:
        """The losses up to `until` that are not recorded yet; negative points give back what was taken too much."""
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

    def future_losses(self, rule: ExpiryRule, zone: ZoneInfo, until: date) -> list[Loss]:
        """What the customer would lose up to `until` if nothing moved any more."""
        return [loss for loss in self.unrecorded_losses(rule, zone, until) if loss.points > 0]


def list_due_reserves(session: Session, zone: ZoneInfo, now: datetime) -> list[int]:
    """The ids of the reserves whose points have not been expired today.

    A day in the future is from before the clock was set back: what was expired too early is given back.
    """
    day = local_date(now, zone)
    return [reserve.id for expiry, reserve in rules.list_enabled(session) if expiry.done_day != day]


def find_overdue_customers(
    session: Session, reserve_id: int, after_customer_id: int, zone: ZoneInfo, now: datetime
) -> tuple[list[int], int]:
    """Of the next 200 customers after `after_customer_id`, the ids of those with something to record.

    Also the id to continue after, or 0 at the end. Locks nothing: `expire_customers` calculates again.
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
    return overdue_ids, _continue_after(ids)


def expire_customers(
    session: Session, reserve_id: int, customer_ids: Sequence[int], zone: ZoneInfo, now: datetime
) -> int:
    """Record what these customers, at most 1,000, have lost up to today; returns the number of movements.

    A movement is dated at the start of the day on which the points expired. Held points do not expire before the
    hold has ended. Does nothing if the rule has been disabled meanwhile.
    """
    # Lock the rule before reading it, so that a concurrent change of the rule waits.
    expiry = session.get_one(ExpirySettings, reserve_id, with_for_update=True, populate_existing=True)
    reserve = session.get_one(Reserve, reserve_id)
    if expiry.kind == rules.NONE or not reserve.is_active:
        return 0
    # Some may have become one since they were found.
    customer_ids = sorted(set(lock_people(session, customer_ids).values()))
    keys = [(customer_id, reserve_id) for customer_id in customer_ids]
    balances = LockedBalances(session, keys)  # no new movements meanwhile
    held = sum_held(session, keys, now)
    rule, day = rules.to_rule(expiry), local_date(now, zone)
    drafts = []
    for customer_id, movements in _load_movements(session, reserve_id, customer_ids, expiry.version).items():
        losses, key = movements.unrecorded_losses(rule, zone, day), (customer_id, reserve_id)
        if key in held:
            losses = _limit_losses(losses, balances.get(key) - held[key])
        for index, loss in enumerate(losses):
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
    for part in chunks(drafts, MAX_MOVEMENTS):
        record(session, part, _rule_source(expiry.version), now)
    return len(drafts)


def mark_done(session: Session, reserve_id: int, zone: ZoneInfo, now: datetime, last_seq: int) -> None:
    """Save that today's expiry is done. `last_seq` is the last movement from before it began."""
    expiry = session.get_one(ExpirySettings, reserve_id, with_for_update=True, populate_existing=True)
    expiry.done_day, expiry.seen_seq = local_date(now, zone), last_seq
    session.flush()


def expire_late_movements(session: Session, reserve_id: int, zone: ZoneInfo, now: datetime) -> int:
    """Recalculate after movements that arrived since the last run but happened before its day.

    Looks at 1,000 such movements at most; returns the number of movements recorded. If a late movement is missed,
    the next daily run includes it.
    """
    expiry = session.get_one(ExpirySettings, reserve_id, with_for_update=True, populate_existing=True)
    if expiry.done_day is None or expiry.kind == rules.NONE:
        return 0
    last_seq = Movement.get_last_seq(session)
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
    if not late_rows:
        return 0
    return expire_customers(session, reserve_id, sorted({row.customer_id for row in late_rows}), zone, now)


def forecast(
    session: Session, reserve: Reserve, rule: ExpiryRule, zone: ZoneInfo, until: date
) -> Iterator[tuple[str, list[Loss]]]:
    """What each customer would lose up to `until` with `rule` if nothing moved any more: (e-mail, losses).

    Customers who would lose nothing are left out. Reads in batches, to limit the memory.
    """
    expiry = session.get(ExpirySettings, reserve.id)
    is_in_force = expiry is not None and expiry.kind != rules.NONE and rules.to_rule(expiry) == rule
    version = expiry.version if expiry is not None and is_in_force else 0
    after = 0
    while True:
        ids = _next_customer_ids(session, reserve.id, after)
        for movements in _load_movements(session, reserve.id, ids, version).values():
            if losses := movements.future_losses(rule, zone, until):
                yield movements.email, losses
        if not (after := _continue_after(ids)):
            return


def forecast_batch(
    session: Session, expiry: ExpirySettings, after_customer_id: int, zone: ZoneInfo, after_day: date, until: date
) -> tuple[dict[int, list[Loss]], int]:
    """What each of the next 200 customers after `after_customer_id` would lose after `after_day` and up to `until`.

    By customer id; customers who would lose nothing are left out. Also the id to continue after, or 0 at the end.
    """
    ids = _next_customer_ids(session, expiry.reserve_id, after_customer_id)
    rule = rules.to_rule(expiry)
    losses_by_customer = {
        customer_id: losses
        for customer_id, movements in _load_movements(session, expiry.reserve_id, ids, expiry.version).items()
        if (losses := [loss for loss in movements.future_losses(rule, zone, until) if loss.day > after_day])
    }
    return losses_by_customer, _continue_after(ids)


def forecast_customer(
    session: Session, reserve: Reserve, rule: ExpiryRule, zone: ZoneInfo, until: date, customer: Customer
) -> list[Loss]:
    """What one customer would lose up to `until`, oldest first, if nothing moved any more; `rule` is the reserve's.

    One query, with a row for each of the customer's movements.
    """
    expiry = session.get_one(ExpirySettings, reserve.id)
    movements = _load_movements(session, reserve.id, [customer.id], expiry.version).get(customer.id)
    return movements.future_losses(rule, zone, until) if movements else []


def _limit_losses(losses: list[Loss], free_points: int) -> list[Loss]:
    """The losses, of which not more than `free_points` are taken now; the rest is found again by a later run."""
    limited = []
    for loss in losses:
        points = min(loss.points, max(free_points, 0))
        free_points -= points
        if points:
            limited.append(Loss(loss.day, points))
    return limited


def _next_customer_ids(session: Session, reserve_id: int, after_customer_id: int) -> list[int]:
    """The next 200 customers with a balance in the reserve."""
    query = select(Balance.customer_id).where(Balance.reserve_id == reserve_id, Balance.customer_id > after_customer_id)
    return list(session.scalars(query.order_by(Balance.customer_id).limit(BATCH_SIZE)))


def _continue_after(ids: list[int]) -> int:
    """The id after which the next batch begins; 0 at the end."""
    return ids[-1] if len(ids) == BATCH_SIZE else 0


def _load_movements(
    session: Session, reserve_id: int, customer_ids: Sequence[int], version: int
) -> dict[int, _CustomerMovements]:
    """The customers' movements, by customer id. `version` is the rule's: its own movements are not changes."""
    address = aliased(Customer)
    query = (
        select(
            Movement.seq,
            address.person_id().label("customer_id"),
            Movement.kind,
            Movement.points,
            Movement.source,
            Movement.at,
            Movement.recorded_at,
            Customer.email,
        )
        .select_from(Movement)
        .join(address, address.id == Movement.customer_id)
        .join(Customer, Customer.id == address.person_id())
        .where(Movement.customer_id.in_(select_members(customer_ids)), Movement.reserve_id == reserve_id)
        .order_by(address.person_id(), Movement.seq)
    )
    movements_by_customer: dict[int, _CustomerMovements] = {}
    for row in session.execute(query):
        movements = movements_by_customer.setdefault(row.customer_id, _CustomerMovements(row.email))
        movements.last_seq = row.seq
        if row.kind == "expire" and row.source == _rule_source(version):
            movements.recorded_points -= row.points
        elif row.points:
            # A movement cannot happen after it was recorded, whatever the clock of another site says.
            at = min(row.at, row.recorded_at)
            movements.changes.append(PointsChange(at, row.points, row.kind not in _PASSIVE_KINDS))
    return movements_by_customer


def _rule_source(version: int) -> str:
    return f"expiry:{version}"
