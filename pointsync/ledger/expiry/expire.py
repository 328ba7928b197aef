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

from pointsync.ledger.balances import Book
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.lots import Change, Loss, losses
from pointsync.ledger.expiry.rule import Rule, start_of, today
from pointsync.ledger.record import MOST, Draft, record
from pointsync.models import Balance, Customer, Expiry, Movement, Reserve

AT_ONCE = 200
"""Customers of one transaction; the shop's own movements wait for it."""
REASON = "Expired"
AGAIN = "Expiry worked out again"
LATE_AT_ONCE = 1_000
_IDLE = frozenset({"correction", "expire"})
"""Kinds by which the customer does nothing."""


@dataclass(slots=True)
class _Pot:
    """A customer's movements in the reserve, and what the rule has been recorded to take."""

    email: str
    changes: list[Change] = field(default_factory=list)
    taken: int = 0
    last_seq: int = 0

    def missing(self, rule: Rule, zone: ZoneInfo, until: date) -> list[Loss]:
        """What is still to be recorded until that day; one of points below 0 gives back what was too much."""
        lost = losses(sorted(self.changes, key=lambda each: each.at), rule, zone, until)
        over = self.taken - sum(loss.points for loss in lost)
        if over > 0:
            return [Loss(until, -over)]
        left, missing = self.taken, []
        for loss in lost:
            done = min(left, loss.points)
            left -= done
            if loss.points > done:
                missing.append(Loss(loss.day, loss.points - done))
        return missing


def due(session: Session, zone: ZoneInfo, now: datetime) -> list[int]:
    """The reserves in which not everybody has been seen to today, by id."""
    day = today(now, zone)
    return [reserve.id for expiry, reserve in rules.on(session) if expiry.done_day is None or expiry.done_day < day]


def newest_seq(session: Session) -> int:
    """The last movement there is, to be told `finish`: what is recorded later is looked at for having come late."""
    return session.scalar(select(func.max(Movement.seq))) or 0


def overdue(session: Session, reserve_id: int, after: int, zone: ZoneInfo, now: datetime) -> tuple[list[int], int]:
    """Of the next 200 customers behind the id `after` those for whom something is to be recorded, and the last id.

    The last id is 0 at the end. Locks nothing: `expire` looks again.
    """
    expiry = session.get_one(Expiry, reserve_id)
    ids = _next(session, reserve_id, after)
    rule, day = rules.rule_of(expiry), today(now, zone)
    pots = _pots(session, reserve_id, ids, expiry.version)
    found = [customer_id for customer_id, pot in pots.items() if pot.missing(rule, zone, day)]
    return found, ids[-1] if len(ids) == AT_ONCE else 0


def expire(session: Session, reserve_id: int, customer_ids: Sequence[int], zone: ZoneInfo, now: datetime) -> int:
    """Record for these customers, at most 1,000, what the rule takes until today; how many movements that made.

    Each stands at the first moment of its day. Nothing where the rule was switched off meanwhile.
    """
    # Locked before what it says is read: a rule that is changed meanwhile waits, and takes what this one has left.
    expiry = session.get_one(Expiry, reserve_id, with_for_update=True, populate_existing=True)
    reserve = session.get_one(Reserve, reserve_id)
    if expiry.kind == rules.NONE or not reserve.is_active:
        return 0
    Book(session, ((customer_id, reserve_id) for customer_id in customer_ids))  # locked: nothing comes in between
    rule, day = rules.rule_of(expiry), today(now, zone)
    drafts = []
    for customer_id, pot in _pots(session, reserve_id, customer_ids, expiry.version).items():
        for number, loss in enumerate(pot.missing(rule, zone, day)):
            drafts.append(
                Draft(
                    pot.email,
                    points=-loss.points,
                    reserve=reserve.key,
                    kind="expire",
                    reason=REASON if loss.points > 0 else AGAIN,
                    ref=f"{reserve_id}:{customer_id}:{pot.last_seq}:{number}",
                    at=start_of(loss.day, zone) if loss.points > 0 else now,
                )
            )
    for start in range(0, len(drafts), MOST):
        record(session, drafts[start : start + MOST], _source(expiry.version), now)
    return len(drafts)


def finish(session: Session, reserve_id: int, zone: ZoneInfo, now: datetime, last_seq: int) -> None:
    """Everybody has been seen to today; `last_seq` is what `newest_seq` told before."""
    expiry = session.get_one(Expiry, reserve_id, with_for_update=True, populate_existing=True)
    expiry.done_day, expiry.seen_seq = today(now, zone), last_seq
    session.flush()


def expire_late(session: Session, reserve_id: int, zone: ZoneInfo, now: datetime) -> int:
    """Work out again what movements have changed that came since, but were made before the last day was done.

    At most 1,000 of them; how many movements were recorded. One that slips by is found at the next day's run.
    """
    expiry = session.get_one(Expiry, reserve_id, with_for_update=True, populate_existing=True)
    if expiry.done_day is None or expiry.kind == rules.NONE:
        return 0
    last = newest_seq(session)
    query = (
        select(Movement.seq, Movement.customer_id)
        .where(
            Movement.seq > expiry.seen_seq,
            Movement.seq <= last,
            Movement.reserve_id == reserve_id,
            Movement.at < start_of(expiry.done_day, zone),
            Movement.kind != "expire",
        )
        .order_by(Movement.seq)
        .limit(LATE_AT_ONCE)
    )
    late = session.execute(query).all()
    expiry.seen_seq = late[-1].seq if len(late) == LATE_AT_ONCE else last
    session.flush()
    return expire(session, reserve_id, sorted({row.customer_id for row in late}), zone, now) if late else 0


def foresee(
    session: Session, reserve: Reserve, rule: Rule, zone: ZoneInfo, until: date
) -> Iterator[tuple[str, list[Loss]]]:
    """Who would lose what, and when, until that day, if `rule` were the reserve's and nothing moved any more.

    By customer, those who lose nothing left out. What is there is read in parts, so that a million movements
    need no more memory than a few.
    """
    expiry = session.get(Expiry, reserve.id)
    is_in_force = expiry is not None and expiry.kind != rules.NONE and rules.rule_of(expiry) == rule
    version = expiry.version if expiry is not None and is_in_force else 0
    after = 0
    while True:
        ids = _next(session, reserve.id, after)
        for pot in _pots(session, reserve.id, ids, version).values():
            if found := [loss for loss in pot.missing(rule, zone, until) if loss.points > 0]:
                yield pot.email, found
        if len(ids) < AT_ONCE:
            return
        after = ids[-1]


def ahead(
    session: Session, expiry: Expiry, after: int, zone: ZoneInfo, day: date, until: date
) -> tuple[dict[int, list[Loss]], int]:
    """Of the next 200 customers behind the id `after` what each loses after `day`, up to and on `until`, if nothing
    moved any more, those who lose nothing left out; and the last id, 0 at the end. Locks nothing."""
    ids = _next(session, expiry.reserve_id, after)
    rule = rules.rule_of(expiry)
    found = {
        customer_id: [loss for loss in pot.missing(rule, zone, until) if loss.points > 0 and loss.day > day]
        for customer_id, pot in _pots(session, expiry.reserve_id, ids, expiry.version).items()
    }
    return {each: lost for each, lost in found.items() if lost}, ids[-1] if len(ids) == AT_ONCE else 0


def foresee_one(
    session: Session, reserve: Reserve, rule: Rule, zone: ZoneInfo, until: date, customer: Customer
) -> list[Loss]:
    """What that customer would lose, oldest first, if nothing moved any more; `rule` is the reserve's.

    One query and one row for each of the customer's movements.
    """
    expiry = session.get_one(Expiry, reserve.id)
    pots = _pots(session, reserve.id, [customer.id], expiry.version).values()
    return [loss for pot in pots for loss in pot.missing(rule, zone, until) if loss.points > 0]


def _next(session: Session, reserve_id: int, after: int) -> list[int]:
    """The next 200 customers with a balance in the reserve, behind the id `after`."""
    query = select(Balance.customer_id).where(Balance.reserve_id == reserve_id, Balance.customer_id > after)
    return list(session.scalars(query.order_by(Balance.customer_id).limit(AT_ONCE)))


def _pots(session: Session, reserve_id: int, customer_ids: Sequence[int], version: int) -> dict[int, _Pot]:
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
    pots: dict[int, _Pot] = {}
    for row in session.execute(query):
        pot = pots.setdefault(row.customer_id, _Pot(row.email))
        pot.last_seq = row.seq
        if row.kind == "expire" and row.source == _source(version):
            pot.taken -= row.points
        elif row.points:
            pot.changes.append(Change(min(row.at, row.recorded_at), row.points, row.kind not in _IDLE))
    return pots


def _source(version: int) -> str:
    return f"expiry:{version}"
