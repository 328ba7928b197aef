"""Reversals: what came from an origin since a moment is taken back, by one correction for each customer and reserve."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, insert, literal, select, tuple_
from sqlalchemy.orm import Session

from pointsync.errors import Conflict, NotFound
from pointsync.ledger.apply import lock_origin
from pointsync.ledger.balances import BalanceKey, LockedBalances
from pointsync.ledger.record import MAX_MOVEMENTS, Draft, record
from pointsync.ledger.reversals.preview import ReversalPreview, reversible_conditions
from pointsync.models import Customer, Movement, Reserve, Reversal, ReversedMovement
from pointsync.text_limits import MAX_POINTS

REVERSAL_SOURCE = "reversal"
MAX_REASON_LENGTH = 400
SCAN_SIZE = 2000
BATCH_SIZE = 200
"""Customers of one transaction; the shop's own movements wait for it."""


def create(session: Session, preview: ReversalPreview, reason: str, now: datetime) -> Reversal:
    """Take back what a preview has found, part by part, by `step`; `reason` is what the corrections begin with.

    Raises Conflict: `not_blocked`, where more could come from the origin meanwhile; `reversal_under_way`; or
    `nothing_to_reverse`.
    """
    scope = preview.scope
    if lock_origin(session, scope.origin, now).blocked_at is None:
        message = "Block the site first: what it goes on to send would not be taken back."
        raise Conflict("not_blocked", message)
    if any(each.origin == scope.origin for each in list_unfinished(session)):
        message = "A reversal of this site's movements is under way already; wait for it, or stop it."
        raise Conflict("reversal_under_way", message)
    if not preview.movements:
        message = "Nothing that came from this site since then is left to take back; choose an earlier moment."
        raise Conflict("nothing_to_reverse", message, {"since": message})
    reversal = Reversal(
        origin=scope.origin,
        reserve_id=scope.reserve.id if scope.reserve else None,
        since=scope.since,
        last_seq=preview.last_seq,
        reason=reason[:MAX_REASON_LENGTH],
        total=preview.movements,
        done=0,
        corrections=0,
        out_of_bounds=0,
        after_customer_id=0,
        asked_at=now,
    )
    session.add(reversal)
    session.flush()
    return reversal


def get(session: Session, reversal_id: int) -> Reversal:
    """One of them. Raises NotFound."""
    reversal = session.get(Reversal, reversal_id)
    if reversal is None:
        raise NotFound("unknown_reversal", f"There is no reversal {reversal_id}.")
    return reversal


def stop(session: Session, reversal_id: int, now: datetime) -> Reversal:
    """Take back no more; what is taken back stays so. Raises NotFound."""
    reversal = session.get(Reversal, reversal_id, with_for_update=True, populate_existing=True)
    if reversal is None:
        raise NotFound("unknown_reversal", f"There is no reversal {reversal_id}.")
    if reversal.finished_at is None:
        reversal.stopped_at = reversal.stopped_at or now
        session.flush()
    return reversal


def latest_by_origin(session: Session) -> dict[str, Reversal]:
    """By origin its last reversal."""
    latest_ids = select(func.max(Reversal.id)).group_by(Reversal.origin)
    return {each.origin: each for each in session.scalars(select(Reversal).where(Reversal.id.in_(latest_ids)))}


def list_unfinished(session: Session) -> list[Reversal]:
    """Those under way, the oldest first."""
    query = select(Reversal).where(Reversal.finished_at.is_(None), Reversal.stopped_at.is_(None))
    return list(session.scalars(query.order_by(Reversal.id)))


def find_affected_customers(session: Session, reversal_id: int, after_customer_id: int) -> tuple[list[int], int]:
    """Of the next customers behind the id `after` those that have something to be taken back, at most 200; and the
    last id that was looked at, 0 at the end. Locks nothing: `step` looks again."""
    reversal = get(session, reversal_id)
    last_scanned_id = _find_last_scanned_id(session, after_customer_id)
    if last_scanned_id is None:
        return [], 0
    query = (
        select(Movement.customer_id)
        .where(
            Movement.customer_id > after_customer_id,
            Movement.customer_id <= last_scanned_id,
            *_open_conditions(reversal),
        )
        .distinct()
        .order_by(Movement.customer_id)
        .limit(BATCH_SIZE)
    )
    found = list(session.scalars(query))
    return found, found[-1] if len(found) == BATCH_SIZE else last_scanned_id


def process_batch(
    session: Session, reversal_id: int, customer_ids: Sequence[int], after_customer_id: int, now: datetime
) -> bool:
    """Take back what is left of these customers' movements, and note `after`; whether it goes on.

    `after` is 0 at the end. Each movement is taken back in the transaction that says so: killed, or run twice,
    it comes to the same.
    """
    reversal = session.get(Reversal, reversal_id, with_for_update=True, populate_existing=True)
    if reversal is None or reversal.finished_at or reversal.stopped_at:
        return False
    if customer_ids:
        _reverse_movements(session, reversal, customer_ids, now)
    if after_customer_id:
        reversal.after_customer_id = after_customer_id
    else:
        reversal.finished_at = now
    session.flush()
    return bool(after_customer_id)


def _reverse_movements(session: Session, reversal: Reversal, customer_ids: Sequence[int], now: datetime) -> None:
    conditions = (Movement.customer_id.in_(customer_ids), *_open_conditions(reversal))
    keys = session.execute(select(Movement.customer_id, Movement.reserve_id).where(*conditions).distinct())
    balances = LockedBalances(session, [(customer_id, reserve_id) for customer_id, reserve_id in keys])
    # Under the balances' locks nobody corrects a movement by hand between what is read and what is written.
    rows = session.execute(
        select(
            Movement.customer_id,
            Movement.reserve_id,
            Customer.email,
            Reserve.key,
            func.count(),
            func.sum(Movement.points),
        )
        .join(Customer, Customer.id == Movement.customer_id)
        .join(Reserve, Reserve.id == Movement.reserve_id)
        .where(*conditions)
        .group_by(Movement.customer_id, Movement.reserve_id, Customer.email, Reserve.key)
        .order_by(Movement.customer_id, Movement.reserve_id)
    ).all()
    drafts: list[Draft] = []
    skipped: list[BalanceKey] = []
    for customer_id, reserve_id, email, key, count, total in rows:
        points = -int(total)
        if abs(points) > MAX_POINTS or abs(balances.get((customer_id, reserve_id)) + points) > MAX_POINTS:
            skipped.append((customer_id, reserve_id))
        else:
            reversal.done += count
            if points:
                reason = f"{reversal.reason}: {count:,} movement{'' if count == 1 else 's'}"
                ref = f"{reversal.id}:{customer_id}:{reserve_id}"
                drafts.append(Draft(email, points, reserve=key, kind="correction", reason=reason, ref=ref))
    if skipped:
        conditions = (*conditions, tuple_(Movement.customer_id, Movement.reserve_id).not_in(skipped))
    columns = ["movement_seq", "reversal_id"]
    reversed_rows = select(Movement.seq, literal(reversal.id)).where(*conditions)
    session.execute(insert(ReversedMovement).from_select(columns, reversed_rows))
    for start in range(0, len(drafts), MAX_MOVEMENTS):
        record(session, drafts[start : start + MAX_MOVEMENTS], REVERSAL_SOURCE, now)
    reversal.corrections += len(drafts)
    reversal.out_of_bounds += len(skipped)


def _find_last_scanned_id(session: Session, after_customer_id: int) -> int | None:
    ids = select(Customer.id).where(Customer.id > after_customer_id).order_by(Customer.id).limit(SCAN_SIZE).subquery()
    last_id: int | None = session.scalar(select(func.max(ids.c.id)))
    return last_id


def _open_conditions(reversal: Reversal) -> tuple[ColumnElement[bool], ...]:
    """What a reversal takes back that it has not yet, to be asked of a few customers."""
    conditions = (
        # As a text made anew, so that SQLite goes by the customers' index and not through all of the origin's.
        Movement.origin.concat("") == reversal.origin,
        Movement.recorded_at >= reversal.since,
        Movement.seq <= reversal.last_seq,
        Movement.points != 0,
        *reversible_conditions(),
    )
    return conditions if reversal.reserve_id is None else (*conditions, Movement.reserve_id == reversal.reserve_id)
