"""Applying what other sites made: each movement exactly once, whatever is sent how often."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, case, insert, select, update
from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.db.upsert import insert_or_ignore
from pointsync.email_address import normalise
from pointsync.errors import InvalidInput
from pointsync.ledger import customers, hourly_totals, mail_queue
from pointsync.ledger.balances import CHUNK_SIZE, LockedBalances
from pointsync.ledger.rewards import levels
from pointsync.models import Balance, Movement, Origin, ReceivedSummary, Reserve
from pointsync.models.movement import LOCAL_KINDS
from pointsync.text_limits import MAX_POINTS, MAX_REASON_LENGTH, MAX_REF_LENGTH, is_storable, sanitise

MAX_TIME_AHEAD = timedelta(days=1)
MAX_KIND_LENGTH = 32


@dataclass(frozen=True, slots=True)
class IncomingMovement:
    """A movement as another site tells of it; `set_to` in place of `points` where it is a set."""

    id: str
    customer: str
    points: int = 0
    set_to: int | None = None
    kind: str = "manual"
    reason: str = ""
    at: datetime | None = None
    ref: str | None = None
    is_history: bool = False


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What became of it: `applied`, `duplicate`, `conflict` or `refused` (with `code`, `message`)."""

    id: str
    status: str
    code: str | None = None
    message: str | None = None
    balance: int | None = None


def apply(
    session: Session, origin: str, reserve: Reserve, incoming: Sequence[IncomingMovement], now: datetime
) -> list[ApplyResult]:
    """Apply `incoming` from `origin` to `reserve`; a result each, in their order.

    A movement is known by (origin, id). Known with the same points, customer and reserve it is a
    duplicate, with others a conflict; either way nothing changes. What is refused stops no other.
    """
    lock_origin(session, origin, now)
    existing = _find_existing(session, origin, [each.id for each in incoming])
    refusals = {
        index: refusal
        for index, each in enumerate(incoming)
        if each.id not in existing and (refusal := _find_refusal(each))
    }
    emails = {index: _email_or_empty(each) for index, each in enumerate(incoming)}
    new_indexes = [index for index, each in enumerate(incoming) if each.id not in existing and index not in refusals]
    customer_ids = customers.find_ids(session, sorted({email for email in emails.values() if email}))
    customer_ids |= customers.get_or_create_ids(
        session, {emails[index] for index in new_indexes if emails[index] not in customer_ids}, now
    )
    balances = LockedBalances(session, ((customer_ids[emails[index]], reserve.id) for index in new_indexes))

    results, rows = [], []
    seen: dict[str, dict[str, Any] | Row[Any]] = dict(existing)
    for index, each in enumerate(incoming):
        key = (customer_ids.get(emails[index], 0), reserve.id)
        if each.id in seen:  # also what this very batch has applied
            results.append(_compare_with_existing(each, seen[each.id], key))
        elif index in refusals:
            results.append(refusals[index])
        else:
            points = each.points if each.set_to is None else each.set_to - balances.get(key)
            if abs(balances.get(key) + points) > MAX_POINTS:
                message = f"The balance would leave ±{MAX_POINTS:,}."
                results.append(ApplyResult(each.id, "refused", "out_of_bounds", message))
                continue
            row = _movement_row(each, origin, reserve, key, points, balances.add(key, points), now)
            rows.append(row)
            seen[each.id] = row
            results.append(ApplyResult(each.id, "applied", balance=row["balance"]))
    if rows:
        balances.save()
        session.connection().execute(insert(Movement.__table__), rows)  # type: ignore[arg-type]
        hourly_totals.add_movements(session, rows)
        _add_to_received_summary(session, origin, reserve, rows)
        levels.record_unlocks(session, rows)
        mail_queue.enqueue_redemption_mails(session, rows)
    return results


def lock_origin(session: Session, auth: str, now: datetime) -> Origin:
    """The origin's row, made if missing, locked for the rest of the transaction.

    Under it the same batch, sent twice at once, is applied by one and recognised by the other.
    """
    query = select(Origin).where(Origin.auth == auth).with_for_update()
    origin = session.scalar(query)
    if origin is None:
        insert_or_ignore(session, Origin, [{"auth": auth, "first_seen_at": now}])
        origin = session.scalars(query).one()
    return origin


def get_received_summary(session: Session, origin: str, reserve: Reserve) -> dict[str, Any]:
    """`{count, max_id}` of what this site holds from `origin` in `reserve`; `max_id` a decimal string."""
    summary = session.get(ReceivedSummary, (origin, reserve.id), populate_existing=True)
    return {"count": summary.count if summary else 0, "max_id": str(summary.max_id if summary else 0)}


def get_current_balance(session: Session, origin: str, movement_id: str) -> int | None:
    """The balance now of the pot that a movement from `origin` went to; None where it is not held."""
    query = select(Movement.customer_id, Movement.reserve_id).where(
        Movement.origin == origin, Movement.id == movement_id
    )
    row = session.execute(query).first()
    return None if row is None else session.get_one(Balance, tuple(row), populate_existing=True).points


def _find_existing(session: Session, origin: str, movement_ids: list[str]) -> dict[str, Row[Any]]:
    found: dict[str, Row[Any]] = {}
    for start in range(0, len(movement_ids), CHUNK_SIZE):
        rows = session.execute(
            select(Movement.id, Movement.points, Movement.set_to, Movement.customer_id, Movement.reserve_id).where(
                Movement.origin == origin, Movement.id.in_(movement_ids[start : start + CHUNK_SIZE])
            )
        )
        found |= {row.id: row for row in rows}
    return found


def _find_refusal(movement: IncomingMovement) -> ApplyResult | None:
    """Why a movement that is not known yet cannot be applied; None when it can."""
    requested_points = movement.points if movement.set_to is None else movement.set_to
    if movement.kind in LOCAL_KINDS:
        return ApplyResult(
            movement.id, "refused", "local_kind", f"A movement of kind {movement.kind} stays on its own site."
        )
    if abs(requested_points) > MAX_POINTS:
        return ApplyResult(movement.id, "refused", "out_of_bounds", f"Points must be within ±{MAX_POINTS:,}.")
    if not movement.kind or len(movement.kind) > MAX_KIND_LENGTH or not is_storable(movement.kind):
        return ApplyResult(
            movement.id, "refused", "malformed", f"The kind must have 1 to {MAX_KIND_LENGTH} plain characters."
        )
    try:
        normalise(movement.customer)
    except InvalidInput as error:
        return ApplyResult(movement.id, "refused", "malformed", error.message)
    return None


def _email_or_empty(movement: IncomingMovement) -> str:
    try:
        return normalise(movement.customer)
    except InvalidInput:
        return ""


def _compare_with_existing(
    movement: IncomingMovement, existing: dict[str, Any] | Row[Any], key: tuple[int, int]
) -> ApplyResult:
    stored = existing if isinstance(existing, dict) else existing._mapping
    has_same_points = (
        stored["points"] == movement.points if movement.set_to is None else stored["set_to"] == movement.set_to
    )
    if has_same_points and (stored["customer_id"], stored["reserve_id"]) == key:
        return ApplyResult(movement.id, "duplicate")
    return ApplyResult(
        movement.id, "conflict", "conflict", "This id is held here with other points, customer or reserve."
    )


def _movement_row(
    movement: IncomingMovement,
    origin: str,
    reserve: Reserve,
    key: tuple[int, int],
    points: int,
    balance: int,
    now: datetime,
) -> dict[str, Any]:
    at = movement.at or now
    return {
        "origin": origin,
        "id": movement.id,
        "customer_id": key[0],
        "reserve_id": reserve.id,
        "kind": movement.kind,
        "points": points,
        "set_to": movement.set_to,
        "balance": balance,
        "reason": sanitise(movement.reason, MAX_REASON_LENGTH),
        # The origin's `ref` is shown, not enforced: it is unique per source there, not here.
        "source": None,
        "ref": sanitise(movement.ref, MAX_REF_LENGTH) if movement.ref else None,
        "at": now if at > now + MAX_TIME_AHEAD else at,
        "recorded_at": now,
        "below_zero": balance < 0 and points < 0 and not reserve.may_go_below_zero,
        "is_history": movement.is_history,
    }


def _add_to_received_summary(session: Session, origin: str, reserve: Reserve, rows: list[dict[str, Any]]) -> None:
    insert_or_ignore(session, ReceivedSummary, [{"origin": origin, "reserve_id": reserve.id, "count": 0, "max_id": 0}])
    highest = max((ids.parse_movement_id(row["id"]) or 0 for row in rows), default=0)
    session.execute(
        update(ReceivedSummary)
        .where(ReceivedSummary.origin == origin, ReceivedSummary.reserve_id == reserve.id)
        .values(
            count=ReceivedSummary.count + len(rows),
            max_id=case((ReceivedSummary.max_id >= highest, ReceivedSummary.max_id), else_=highest),
        )
    )
