"""Movements that took a balance below zero although the reserve does not allow it, and their correction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, exists, false, literal, or_, select, true
from sqlalchemy.orm import Session, aliased, contains_eager

from pointsync.db import keyset
from pointsync.errors import Conflict, NotFound
from pointsync.ledger.below_zero import shared_corrections
from pointsync.ledger.below_zero.shared_corrections import CORRECTION_SOURCE, REF_PREFIX
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.movement_row import MovementRow
from pointsync.ledger.people.members import find_people, lock_people, of_customer
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Customer, Movement

LOCAL_CORRECTION = "correction"
"""The kind of a movement that stays on this site and puts its balance right."""
_REASON = "The balance was below zero"


@dataclass(frozen=True, slots=True)
class OverdrawnMovement:
    """A movement with its customer and reserve, the customer's current points there, and the correction if any."""

    movement: Movement
    points: int
    correction: Movement | None
    is_taken_back: bool = False
    """Whether the correction was taken back, because another site had corrected the same balance."""

    @property
    def is_corrected(self) -> bool:
        """Whether it has a correction that counts."""
        return self.correction is not None and not self.is_taken_back

    @property
    def is_correctable(self) -> bool:
        """Whether `correct` and `correct_here` can be used."""
        return self.points < 0 and not self.is_corrected and not self.movement.reserve.may_go_below_zero


def list_page(
    session: Session, since: datetime, *, cursor: str | None = None, size: int = 20
) -> keyset.Page[OverdrawnMovement]:
    """A page of the movements recorded since then, and of older ones whose customer is still below zero; newest first.

    Uses two or three queries and the partial index of such movements. Raises InvalidInput for `cursor` or `size`.
    """
    query = _select_overdrawn().where(or_(Movement.recorded_at >= since, Balance.points < 0))

    def fetch_rows(page_request: keyset.PageRequest) -> list[Any]:
        return list(session.execute(page_request.apply_to(query, Movement.seq.expression, is_descending=True)))

    page_of_rows = keyset.fetch_page(cursor, size, (int,), fetch_rows, lambda row: (row[0].seq,))
    corrections = _find_corrections(session, [movement.seq for movement, _ in page_of_rows.rows])
    return page_of_rows.with_rows(
        [
            OverdrawnMovement(movement, points, *corrections.get(movement.seq, (None, False)))
            for movement, points in page_of_rows.rows
        ]
    )


def get(session: Session, seq: int) -> OverdrawnMovement:
    """The overdrawn movement with this `seq`. Raises NotFound."""
    row = session.execute(_select_overdrawn().where(Movement.seq == seq)).first()
    if row is None:
        raise NotFound("unknown_movement", f"No movement {seq} took a customer below zero here.")
    movement, points = row
    return OverdrawnMovement(movement, points, *_find_corrections(session, [seq]).get(seq, (None, False)))


def list_later(session: Session, movement: Movement, limit: int) -> list[Movement]:
    """The customer's newest movements in the same reserve since `movement`, newest first, at most `limit`."""
    customer_id = find_people(session, [movement.customer_id])[movement.customer_id]
    query = select(Movement).where(
        of_customer(session, customer_id), Movement.reserve_id == movement.reserve_id, Movement.seq > movement.seq
    )
    return list(session.scalars(query.order_by(Movement.seq.desc()).limit(limit)))


def correct(session: Session, seq: int, now: datetime) -> MovementRow:
    """Bring the customer's balance up to zero on all sites; once per movement.

    If another site does the same before the two know of each other, one of both takes its own back: see
    `shared_corrections`. Raises NotFound, Conflict (`corrected_before`, `not_below_zero`), InvalidInput if the reserve
    is not active, or TryLater while lost movements come back.
    """
    overdrawn = _lock_correctable(session, seq)
    ref = shared_corrections.make_ref(session, overdrawn.movement)
    return _record(session, overdrawn, shared_corrections.KIND, ref, now)


def correct_here(session: Session, seq: int, now: datetime) -> MovementRow:
    """The same on this site only: the other sites keep their balance. Raises as `correct` does."""
    return _record(session, _lock_correctable(session, seq), LOCAL_CORRECTION, _local_ref(seq), now)


def list_differences(session: Session, *, cursor: str | None = None, size: int = 20) -> keyset.Page[Movement]:
    """A page of the corrections that admins made for this site only, newest first: other sites have other balances.

    Raises InvalidInput for `cursor` or `size`.
    """
    query = (
        select(Movement)
        .join(Movement.customer)
        .join(Movement.reserve)
        .options(contains_eager(Movement.customer), contains_eager(Movement.reserve))
        .where(Movement.source == CORRECTION_SOURCE, Movement.kind == LOCAL_CORRECTION)
    )

    def fetch(page_request: keyset.PageRequest) -> list[Movement]:
        return list(session.scalars(page_request.apply_to(query, Movement.seq.expression, is_descending=True)))

    return keyset.fetch_page(cursor, size, (int,), fetch, lambda movement: (movement.seq,))


def _lock_correctable(session: Session, seq: int) -> OverdrawnMovement:
    """The movement with its balance, locked: points may have been added meanwhile, and a correction takes none away."""
    fetch_back.refuse_if_running(session)  # the balance is not complete yet
    movement = get(session, seq).movement
    key = (lock_people(session, [movement.customer_id])[movement.customer_id], movement.reserve_id)
    balance = session.get_one(Balance, key, with_for_update=True, populate_existing=True)
    overdrawn = OverdrawnMovement(movement, balance.points, *_find_corrections(session, [seq]).get(seq, (None, False)))
    if overdrawn.correction is not None and overdrawn.is_corrected:
        raise Conflict("corrected_before", f"This was already corrected, by movement {overdrawn.correction.id}.")
    if not overdrawn.is_correctable:
        message = f"{movement.customer.email} now has {overdrawn.points:,} points in {movement.reserve.key}"
        raise Conflict("not_below_zero", f"{message}, so there is nothing to correct.")
    return overdrawn


def _record(session: Session, overdrawn: OverdrawnMovement, kind: str, ref: str, now: datetime) -> MovementRow:
    movement = overdrawn.movement
    draft = Draft(
        movement.customer.email,
        -overdrawn.points,
        reserve=movement.reserve.key,
        kind=kind,
        reason=_REASON,
        ref=ref,
    )
    [result] = record(session, [draft], CORRECTION_SOURCE, now)
    return result.movement


def corrected_condition() -> ColumnElement[bool]:
    """For queries of movements: the movement took a balance below zero and was corrected here."""
    correction = aliased(Movement)
    ref = literal(REF_PREFIX).concat(cast(Movement.seq, String))
    has_correction = exists().where(
        correction.source == CORRECTION_SOURCE, or_(correction.ref == ref, correction.ref.startswith(ref.concat(":")))
    )
    return and_(Movement.below_zero == true(), has_correction)


def _select_overdrawn() -> Any:
    """A select of movements and current balances."""
    is_same_balance = and_(Balance.customer_id == Customer.person_id(), Balance.reserve_id == Movement.reserve_id)
    return (
        select(Movement, Balance.points)
        .join(Movement.customer)
        .join(Balance, is_same_balance)
        .join(Movement.reserve)
        .options(contains_eager(Movement.customer), contains_eager(Movement.reserve))
        .where(Movement.below_zero == true())
    )


def _find_corrections(session: Session, seqs: list[int]) -> dict[int, tuple[Movement, bool]]:
    """By `seq`, the last correction and whether it was taken back."""
    found: dict[int, tuple[Movement, bool]] = {}
    refs = [Movement.ref == _local_ref(seq) for seq in seqs]
    prefixes = [Movement.ref.startswith(f"{_local_ref(seq)}:") for seq in seqs]
    query = select(Movement).where(Movement.source == CORRECTION_SOURCE, or_(false(), *refs, *prefixes))
    movements = sorted(session.scalars(query), key=lambda movement: movement.seq)
    by_ref = {movement.ref or "": movement for movement in movements}
    for ref, movement in by_ref.items():
        if movement.points > 0:
            seq = int(ref.removeprefix(REF_PREFIX).partition(":")[0])
            found[seq] = (movement, shared_corrections.taken_back_ref(ref) in by_ref)
    return found


def _local_ref(seq: int) -> str:
    return f"{REF_PREFIX}{seq}"
