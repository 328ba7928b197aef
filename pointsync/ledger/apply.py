"""Applying movements from other sites: each exactly once, however often it is sent."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in_parameter
from pointsync.db.upsert import insert_or_ignore
from pointsync.digests import digest
from pointsync.email_address import Address, parse
from pointsync.errors import InvalidInput
from pointsync.ledger import customers, received_summary
from pointsync.ledger.balances import LockedBalances, leaves_bounds
from pointsync.ledger.below_zero.shared_corrections import take_back_duplicates
from pointsync.ledger.customers import FoundCustomer
from pointsync.ledger.draft_rules import MAX_TIME_AHEAD
from pointsync.ledger.insert_movements import insert_movements
from pointsync.ledger.integrity import restore_row
from pointsync.ledger.integrity.digested_customer import digest_of_row
from pointsync.ledger.movement_row import MovementRow
from pointsync.ledger.people.erased.lives import hide_in
from pointsync.ledger.people.erased.tokens import is_token
from pointsync.models import Customer, Movement, Origin, Reserve
from pointsync.models.movement import LOCAL_KINDS, SENT_KINDS
from pointsync.text_limits import MAX_POINTS, MAX_REASON_LENGTH, MAX_REF_LENGTH, is_storable, sanitise

MAX_KIND_LENGTH = 32
MAX_SENT_CUSTOMER_LENGTH = 320

# Built once, because every batch executes it.
_FIND_EXISTING = (
    select(
        *(Movement.id, Movement.points, Movement.set_to, Movement.reserve_id, Movement.digest),
        *(Movement.customer_id.label("address_id"), Movement.sent_customer, Customer.email),
    )
    .join(Customer, Customer.id == Movement.customer_id, isouter=True)
    .where(Movement.origin == bindparam("origin"), is_in_parameter(Movement.id, "ids"))
)


class IncomingMovement(msgspec.Struct, frozen=True, gc=False):
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
    digest: int | None = None
    """Only read if the customer was erased: then nobody can compute it any more."""


class ApplyResult(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The result for one movement: `applied`, `duplicate`, `conflict` or `refused` (with `code` and `message`).

    Its JSON is the result on the wire.
    """

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
    addresses = [_parse_customer(each) for each in incoming]
    refusals = {
        index: refusal
        for index, each in enumerate(incoming)
        if each.id not in existing and (refusal := _find_refusal(each, addresses[index]))
    }
    restored = _restore_edited(session, origin, reserve, incoming, addresses, existing, now)
    new_indexes = [index for index, each in enumerate(incoming) if each.id not in existing and index not in refusals]
    latest_time = now + MAX_TIME_AHEAD  # what is dated later is taken to happen now
    times = {index: now if (at := incoming[index].at or now) > latest_time else at for index in new_indexes}
    dated = [(address, times[index]) for index in new_indexes if isinstance(address := addresses[index], Address)]
    placed = dict(zip(new_indexes, customers.get_or_create_at(session, dated, now), strict=True))
    known = _find_known(session, incoming, addresses, existing)
    balances = LockedBalances(session, ((found.id, reserve.id) for _, found in placed.values()))

    results: list[ApplyResult] = []
    rows: list[MovementRow] = []
    seen: dict[str, MovementRow | Row[Any]] = dict(existing)
    for index, each in enumerate(incoming):
        if each.id in restored:
            results.append(ApplyResult(each.id, "applied", balance=restored.pop(each.id)))
        elif each.id in seen:  # applied before, perhaps earlier in this batch
            customer = placed[index][1] if index in placed else known.get(_key(addresses[index]))
            results.append(_compare_with_existing(each, seen[each.id], customer, reserve))
        elif index in refusals:
            results.append(refusals[index])
        else:
            address, customer = placed[index]
            key = (customer.id, reserve.id)
            before = balances.get(key)
            points = each.points if each.set_to is None else each.set_to - before
            if leaves_bounds(before, points):
                message = f"The balance would leave ±{MAX_POINTS:,}."
                results.append(ApplyResult(each.id, "refused", "out_of_bounds", message))
                continue
            balance = balances.add(key, points)
            sent_email = _key(addresses[index])
            row = _build_row(each, sent_email, address, origin, reserve, customer, points, balance, times[index], now)
            rows.append(row)
            seen[each.id] = row
            results.append(ApplyResult(each.id, "applied", balance=balance))
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


def _find_existing(session: Session, origin: str, movement_ids: list[str]) -> dict[str, Row[Any]]:
    """What is needed of the movements that were applied before, by id."""
    rows: Iterable[Row[Any]] = session.connection().execute(_FIND_EXISTING, {"origin": origin, "ids": movement_ids})
    return {row.id: row for row in rows}


def _parse_customer(movement: IncomingMovement) -> Address | InvalidInput:
    """The customer's address, or what is wrong with it."""
    try:
        return parse(movement.customer)
    except InvalidInput as error:
        return error


def _key(address: Address | InvalidInput) -> str:
    return address.key if isinstance(address, Address) else ""


def _find_known(
    session: Session,
    incoming: Sequence[IncomingMovement],
    addresses: Sequence[Address | InvalidInput],
    existing: Mapping[str, Row[Any]],
) -> dict[str, FoundCustomer]:
    """The customers of the movements that were applied before, by their addresses."""
    known = {_key(address) for each, address in zip(incoming, addresses, strict=True) if each.id in existing}
    return customers.find_locked(session, sorted(known - {""}))


def _restore_edited(
    session: Session,
    origin: str,
    reserve: Reserve,
    incoming: Sequence[IncomingMovement],
    addresses: Sequence[Address | InvalidInput],
    existing: dict[str, Row[Any]],
    now: datetime,
) -> dict[str, int]:
    """Restore the movements that were edited here and that come in again as they were. Updates `existing`.

    Return the balances afterwards, by id.
    """
    restored: dict[str, int] = {}
    for each, address in zip(incoming, addresses, strict=True) if existing else ():
        row = existing.get(each.id)
        if row is None or row.digest == digest_of_row(row.id, row.points, row.sent_customer, row.email, row.digest):
            continue
        if not _key(address) or each.set_to is not None or each.id in restored or row.reserve_id != reserve.id:
            continue
        sent_customer = _as_sent(each.customer, _key(address))
        if row.digest == digest(each.id, each.points, sent_customer):
            restored[each.id] = restore_row.restore(session, origin, each.id, each.points, sent_customer, now)
    if restored:
        existing |= _find_existing(session, origin, list(restored))
    return restored


def _as_sent(customer: str, email: str) -> str:
    """The customer for the digest: as the origin has sent it, unless that is too long to be stored."""
    return customer if len(customer) <= MAX_SENT_CUSTOMER_LENGTH else email


def _find_refusal(movement: IncomingMovement, address: Address | InvalidInput) -> ApplyResult | None:
    """Why a new movement cannot be applied; None if it can."""
    requested_points, kind = movement.points if movement.set_to is None else movement.set_to, movement.kind
    if kind in LOCAL_KINDS:
        return ApplyResult(movement.id, "refused", "local_kind", f"A movement of kind {kind} stays on its own site.")
    if abs(requested_points) > MAX_POINTS:
        return ApplyResult(movement.id, "refused", "out_of_bounds", f"Points must be within ±{MAX_POINTS:,}.")
    if kind not in SENT_KINDS and not (0 < len(kind) <= MAX_KIND_LENGTH and is_storable(kind)):
        message = f"The kind must have 1 to {MAX_KIND_LENGTH} plain characters."
        return ApplyResult(movement.id, "refused", "malformed", message)
    if isinstance(address, InvalidInput):
        return ApplyResult(movement.id, "refused", "malformed", address.message)
    return None


def _compare_with_existing(
    movement: IncomingMovement, existing: MovementRow | Row[Any], customer: FoundCustomer | None, reserve: Reserve
) -> ApplyResult:
    has_same_points = (
        existing.points == movement.points if movement.set_to is None else existing.set_to == movement.set_to
    )
    address_id = customer.address_id if customer else 0
    is_same_customer = existing.address_id == address_id or _has_same_digest(movement, existing)
    if has_same_points and is_same_customer and existing.reserve_id == reserve.id:
        return ApplyResult(movement.id, "duplicate")
    return ApplyResult(
        movement.id, "conflict", "conflict", "This id is held here with other points, customer or reserve."
    )


def _has_same_digest(movement: IncomingMovement, existing: MovementRow | Row[Any]) -> bool:
    """Whether the customer is the same, as the digests say: one of the two sides has erased the customer."""
    try:
        email = parse(movement.customer).key
    except InvalidInput:
        return False
    if is_token(email) and movement.digest is not None:
        return existing.digest == movement.digest
    return existing.digest == digest(movement.id, existing.points, _as_sent(movement.customer, email))


def _build_row(
    movement: IncomingMovement,
    sent_email: str,
    address: Address,
    origin: str,
    reserve: Reserve,
    customer: FoundCustomer,
    points: int,
    balance: int,
    at: datetime,
    now: datetime,
) -> MovementRow:
    email, sent_customer = address.key, _as_sent(movement.customer, sent_email)
    own_digest, ref, source = digest(movement.id, points, sent_customer), movement.ref, movement.source
    is_erased = is_token(email)
    if is_erased:
        ref = hide_in(ref, sent_customer, email)
    if is_token(sent_customer):
        own_digest = own_digest if movement.digest is None else movement.digest
    elif is_erased:
        sent_customer = email  # erased here; the digest still contains the address
    return MovementRow(
        origin=origin,
        id=movement.id,
        customer_id=customer.id,
        address_id=customer.address_id,
        reserve_id=reserve.id,
        kind=movement.kind,
        points=points,
        set_to=movement.set_to,
        balance=balance,
        reason="" if is_erased else sanitise(movement.reason, MAX_REASON_LENGTH),
        source=None,  # the `ref` is for people only: it is unique at its origin, and not here
        ref=sanitise(ref, MAX_REF_LENGTH) if ref else None,
        ref_source=sanitise(source, MAX_REF_LENGTH) if source else None,
        at=at,
        recorded_at=now,
        below_zero=balance < 0 and points < 0 and not reserve.may_go_below_zero,
        is_history=movement.is_history,
        digest=own_digest,
        sent_customer=None if sent_customer == email else sent_customer,
    )
