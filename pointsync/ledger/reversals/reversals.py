"""Reversals: undo what came from an origin since some time, with one correction per customer and reserve."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, insert, literal, select, tuple_
from sqlalchemy.orm import Session

from pointsync.db.chunking import chunks
from pointsync.errors import Conflict, NotFound
from pointsync.ledger.apply import lock_origin
from pointsync.ledger.balances import BalanceKey, LockedBalances
from pointsync.ledger.people.members import lock_people
from pointsync.ledger.record import MAX_MOVEMENTS, Draft, record
from pointsync.ledger.reversals.preview import ReversalPreview, reversible_conditions
from pointsync.models import Customer, Movement, Reserve, Reversal, ReversedMovement
from pointsync.text_limits import MAX_POINTS

REVERSAL_SOURCE = "reversal"
MAX_REASON_LENGTH = 400
SCAN_SIZE = 2000
BATCH_SIZE = 200
"""Customers per transaction; the shop's own movements wait for it."""


def create(session: Session, preview: ReversalPreview, reason: str, now: datetime) -> Reversal:
    """Create a reversal of what the preview has found; `process_batch` runs it. Corrections begin with `reason`.

    Raises Conflict: `not_blocked` if the origin could still send movements, `reversal_under_way`, or
    `nothing_to_reverse`.
    """
    scope = preview.scope
    if lock_origin(session, scope.origin, now).blocked_at is None:
        message = "Block the site first; otherwise movements that it sends from now on would not be reversed."
        raise Conflict("not_blocked", message)
    if any(each.origin == scope.origin for each in list_unfinished(session)):
        message = "A reversal of this site's movements is already running; wait until it ends, or stop it."
        raise Conflict("reversal_under_way", message)
    if not preview.movements:
        message = "Nothing that came from this site since then can be reversed; choose an earlier time."
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


def get(session: Session, reversal_id: int, *, for_update: bool = False) -> Reversal:
    """The reversal with this id, locked if `for_update`. Raises NotFound."""
    reversal = session.get(Reversal, reversal_id, with_for_update=for_update or None, populate_existing=for_update)
    if reversal is None:
        raise NotFound("unknown_reversal", f"There is no reversal {reversal_id}.")
    return reversal


def stop(session: Session, reversal_id: int, now: datetime) -> Reversal:
    """Stop a reversal; what is already reversed stays reversed. Raises NotFound."""
    reversal = get(session, reversal_id, for_update=True)
    if reversal.finished_at is None:
        reversal.stopped_at = reversal.stopped_at or now
        session.flush()
    return reversal


def latest_by_origin(session: Session) -> dict[str, Reversal]:
    """The last reversal of each origin."""
    latest_ids = select(func.max(Reversal.id)).group_by(Reversal.origin)
    return {each.origin: each for each in session.scalars(select(Reversal).where(Reversal.id.in_(latest_ids)))}


def list_unfinished(session: Session) -> list[Reversal]:
    """The running reversals, oldest first."""
    query = select(Reversal).where(Reversal.finished_at.is_(None), Reversal.stopped_at.is_(None))
    return list(session.scalars(query.order_by(Reversal.id)))


def find_affected_customers(session: Session, reversal_id: int, after_customer_id: int) -> tuple[list[int], int]:
    """The next customers after `after_customer_id` with movements to reverse, at most 200.

    Also the id to continue after, or 0 at the end. Locks nothing: `process_batch` selects the movements again.
    """
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
    """Reverse the remaining movements of these customers, and save the progress; returns whether it continues.

    `after_customer_id` is the id to continue after, or 0 at the end. Each movement is marked as reversed in the same
    transaction, so it does no harm if the process is killed or runs this twice.
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
    keys = session.execute(select(Movement.customer_id, Movement.reserve_id).where(*conditions).distinct()).all()
    people = lock_people(session, (address_id for address_id, _ in keys))
    balances = LockedBalances(session, [(people[address_id], reserve_id) for address_id, reserve_id in keys])
    # With the balances locked, no admin can correct one of the movements meanwhile.
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
        if abs(points) > MAX_POINTS or abs(balances.get((people[customer_id], reserve_id)) + points) > MAX_POINTS:
            skipped.append((customer_id, reserve_id))
        else:
            balances.add((people[customer_id], reserve_id), points)
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
    for part in chunks(drafts, MAX_MOVEMENTS):
        record(session, part, REVERSAL_SOURCE, now)
    reversal.corrections += len(drafts)
    reversal.out_of_bounds += len(skipped)


def _find_last_scanned_id(session: Session, after_customer_id: int) -> int | None:
    ids = select(Customer.id).where(Customer.id > after_customer_id).order_by(Customer.id).limit(SCAN_SIZE).subquery()
    last_id: int | None = session.scalar(select(func.max(ids.c.id)))
    return last_id


def _open_conditions(reversal: Reversal) -> tuple[ColumnElement[bool], ...]:
    """For queries of a few customers' movements: the movements that are still to be reversed."""
    conditions = (
        # The concatenation makes SQLite use the index of customers instead of reading all movements of the origin.
        Movement.origin.concat("") == reversal.origin,
        Movement.recorded_at >= reversal.since,
        Movement.seq <= reversal.last_seq,
        Movement.points != 0,
        *reversible_conditions(),
    )
    return conditions if reversal.reserve_id is None else (*conditions, Movement.reserve_id == reversal.reserve_id)
