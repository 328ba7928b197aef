"""Applying movements from other sites: each exactly once, however often it is sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in_parameter
from pointsync.db.upsert import insert_or_ignore
from pointsync.digests import digest
from pointsync.email_address import Address, parse
from pointsync.errors import InvalidInput
from pointsync.ledger import customers, received_summary
from pointsync.ledger.balances import BalanceKey, LockedBalances
from pointsync.ledger.below_zero.shared_corrections import take_back_duplicates
from pointsync.ledger.draft_rules import MAX_TIME_AHEAD
from pointsync.ledger.insert_movements import insert_movements
from pointsync.ledger.integrity import restore_row
from pointsync.ledger.integrity.digested_customer import digested_customer
from pointsync.ledger.movement_row import MovementRow
from pointsync.models import Balance, Customer, Movement, Origin, Reserve
from pointsync.models.movement import LOCAL_KINDS
from pointsync.text_limits import MAX_POINTS, MAX_REASON_LENGTH, MAX_REF_LENGTH, is_storable, sanitise

MAX_KIND_LENGTH = 32
MAX_SENT_CUSTOMER_LENGTH = 320

# Built once, because every batch executes it.
_FIND_EXISTING = (
    select(
        *(Movement.id, Movement.points, Movement.set_to, Movement.customer_id, Movement.reserve_id, Movement.digest),
        *(Movement.sent_customer, Customer.email),
    )
    .join(Customer, Customer.id == Movement.customer_id, isouter=True)
    .where(Movement.origin == bindparam("origin"), is_in_parameter(Movement.id, "ids"))
)


@dataclass(frozen=True, slots=True)
class IncomingMovement:
    """A movement as another site sends it, with `set_to` instead of `points` if it sets the balance."""

    id: str
    customer: str
    points: int = 0
    set_to: int | None = None
    kind: str = "manual"
    reason: str = ""
    at: datetime | None = None
    ref: str | None = None
    source: str | None = None
    is_history: bool = False


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """The result for one movement: `applied`, `duplicate`, `conflict` or `refused` (with `code` and `message`)."""

    id: str
    status: str
    code: str | None = None
    message: str | None = None
    balance: int | None = None


def apply(
    session: Session,
    origin: str,
    reserve: Reserve,
    incoming: Sequence[IncomingMovement],
    now: datetime,
    *,
    is_origin_locked: bool = False,
) -> list[ApplyResult]:
    """Apply `incoming` from `origin` to `reserve`; the results are in the same order.

    A movement is identified by its origin and id. If it was applied before, it is a duplicate if its points,
    customer and reserve are the same, and otherwise a conflict; either way nothing changes. Except for a movement
    that somebody edited here: if its stored digest is that of the incoming one, it gets its original points and
    customer back, and is `applied`. A refused movement does not stop the others.
    """
    if not is_origin_locked:
        lock_origin(session, origin, now)
    existing = _find_existing(session, origin, [each.id for each in incoming])
    emails: dict[int, str] = {}
    addresses: dict[str, Address] = {}
    refusals: dict[int, ApplyResult] = {}
    for index, each in enumerate(incoming):
        email_problem = None
        try:
            address = parse(each.customer)
            emails[index] = address.key
            addresses.setdefault(address.key, address)
        except InvalidInput as error:
            email_problem = error.message
        if each.id not in existing and (refusal := _find_refusal(each, email_problem)):
            refusals[index] = refusal
    restored = _restore_edited(session, origin, reserve, incoming, emails, existing, now)
    new_indexes = [index for index, each in enumerate(incoming) if each.id not in existing and index not in refusals]
    customer_ids = customers.find_ids(session, sorted(set(emails.values())))
    customer_ids |= customers.get_or_create_ids(
        session, {addresses[emails[index]] for index in new_indexes if emails[index] not in customer_ids}, now
    )
    balances = LockedBalances(session, ((customer_ids[emails[index]], reserve.id) for index in new_indexes))

    results: list[ApplyResult] = []
    rows: list[MovementRow] = []
    seen: dict[str, MovementRow | Row[Any]] = dict(existing)
    for index, each in enumerate(incoming):
        key = (customer_ids.get(emails.get(index, ""), 0), reserve.id)
        if each.id in restored:
            results.append(ApplyResult(each.id, "applied", balance=restored.pop(each.id)))
        elif each.id in seen:  # applied before, perhaps earlier in this batch
            results.append(_compare_with_existing(each, seen[each.id], key))
        elif index in refusals:
            results.append(refusals[index])
        else:
            points = each.points if each.set_to is None else each.set_to - balances.get(key)
            if abs(balances.get(key) + points) > MAX_POINTS:
                message = f"The balance would leave ±{MAX_POINTS:,}."
                results.append(ApplyResult(each.id, "refused", "out_of_bounds", message))
                continue
            row = _build_row(each, emails[index], origin, reserve, key, points, balances.add(key, points), now)
            rows.append(row)
            seen[each.id] = row
            results.append(ApplyResult(each.id, "applied", balance=row.balance))
    if rows:
        balances.save()
        insert_movements(session, rows)
        received_summary.add_movements(session, origin, reserve.id, rows)
        take_back_duplicates(session, rows, now)
    return results


def lock_origin(session: Session, auth: str, now: datetime) -> Origin:
    """The origin's row, created if it is missing, and locked until the transaction ends.

    If the same batch arrives twice at once, the lock lets one call apply it and the other one recognise it.
    """
    origin = Origin.find_for_update(session, auth)
    if origin is None:
        insert_or_ignore(session, Origin, [{"auth": auth, "first_seen_at": now}])
        origin = Origin.find_for_update(session, auth)
    assert origin
    return origin


def get_current_balance(session: Session, origin: str, movement_id: str) -> int | None:
    """The current balance of the customer and reserve of a movement from `origin`; None if it is not recorded here."""
    query = select(Movement.customer_id, Movement.reserve_id).where(
        Movement.origin == origin, Movement.id == movement_id
    )
    row = session.execute(query).first()
    return None if row is None else session.get_one(Balance, tuple(row), populate_existing=True).points


def _find_existing(session: Session, origin: str, movement_ids: list[str]) -> dict[str, Row[Any]]:
    """What is needed of the movements that were applied before, by id."""
    rows: Iterable[Row[Any]] = session.execute(_FIND_EXISTING, {"origin": origin, "ids": movement_ids})
    return {row.id: row for row in rows}


def _restore_edited(
    session: Session,
    origin: str,
    reserve: Reserve,
    incoming: Sequence[IncomingMovement],
    emails: dict[int, str],
    existing: dict[str, Row[Any]],
    now: datetime,
) -> dict[str, int]:
    """Restore the movements that were edited here and that come in again as they were. Updates `existing`.

    Return the balances afterwards, by id.
    """
    restored: dict[str, int] = {}
    for index, each in enumerate(incoming):
        row = existing.get(each.id)
        if row is None or row.digest == digest(row.id, row.points, digested_customer(row.sent_customer, row.email)):
            continue
        if index not in emails or each.set_to is not None or each.id in restored or row.reserve_id != reserve.id:
            continue
        sent_customer = _as_sent(each.customer, emails[index])
        if row.digest == digest(each.id, each.points, sent_customer):
            restored[each.id] = restore_row.restore(session, origin, each.id, each.points, sent_customer, now)
    if restored:
        existing |= _find_existing(session, origin, list(restored))
    return restored


def _as_sent(customer: str, email: str) -> str:
    """The customer for the digest: as the origin has sent it, unless that is too long to be stored."""
    return customer if len(customer) <= MAX_SENT_CUSTOMER_LENGTH else email


def _find_refusal(movement: IncomingMovement, email_problem: str | None) -> ApplyResult | None:
    """Why a new movement cannot be applied; None if it can."""
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
    if email_problem is not None:
        return ApplyResult(movement.id, "refused", "malformed", email_problem)
    return None


def _compare_with_existing(
    movement: IncomingMovement, existing: MovementRow | Row[Any], key: BalanceKey
) -> ApplyResult:
    has_same_points = (
        existing.points == movement.points if movement.set_to is None else existing.set_to == movement.set_to
    )
    if has_same_points and (existing.customer_id, existing.reserve_id) == key:
        return ApplyResult(movement.id, "duplicate")
    return ApplyResult(
        movement.id, "conflict", "conflict", "This id is held here with other points, customer or reserve."
    )


def _build_row(
    movement: IncomingMovement,
    email: str,
    origin: str,
    reserve: Reserve,
    key: BalanceKey,
    points: int,
    balance: int,
    now: datetime,
) -> MovementRow:
    customer_id, reserve_id = key
    at = movement.at or now
    sent_customer = _as_sent(movement.customer, email)
    return MovementRow(
        origin=origin,
        id=movement.id,
        customer_id=customer_id,
        reserve_id=reserve_id,
        kind=movement.kind,
        points=points,
        set_to=movement.set_to,
        balance=balance,
        reason=sanitise(movement.reason, MAX_REASON_LENGTH),
        source=None,  # the `ref` is for people only: it is unique at its origin, and not here
        ref=sanitise(movement.ref, MAX_REF_LENGTH) if movement.ref else None,
        ref_source=sanitise(movement.source, MAX_REF_LENGTH) if movement.source else None,
        at=now if at > now + MAX_TIME_AHEAD else at,
        recorded_at=now,
        below_zero=balance < 0 and points < 0 and not reserve.may_go_below_zero,
        is_history=movement.is_history,
        digest=digest(movement.id, points, sent_customer),
        sent_customer=None if sent_customer == email else sent_customer,
    )
