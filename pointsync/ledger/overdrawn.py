"""Movements that took a balance below zero although the reserve does not allow it, and their correction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, exists, literal, or_, select, true
from sqlalchemy.orm import Session, aliased, contains_eager

from pointsync.db import keyset
from pointsync.errors import Conflict, NotFound
from pointsync.ledger.movement_row import MovementRow
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Movement

CORRECTION_SOURCE = "correction"
"""The source of corrections, of these movements and of movements that another site refused."""
_REF_PREFIX = "below-zero:"


@dataclass(frozen=True, slots=True)
class OverdrawnMovement:
    """A movement with its customer and reserve, the customer's current points there, and the correction if any."""

    movement: Movement
    points: int
    correction: Movement | None

    @property
    def is_correctable(self) -> bool:
        """Whether `correct` can be used."""
        return self.points < 0 and self.correction is None and not self.movement.reserve.may_go_below_zero


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
        [OverdrawnMovement(movement, points, corrections.get(movement.seq)) for movement, points in page_of_rows.rows]
    )


def get(session: Session, seq: int) -> OverdrawnMovement:
    """The overdrawn movement with this `seq`. Raises NotFound."""
    row = session.execute(_select_overdrawn().where(Movement.seq == seq)).first()
    if row is None:
        raise NotFound("unknown_movement", f"No movement {seq} took a customer below zero here.")
    movement, points = row
    return OverdrawnMovement(movement, points, _find_corrections(session, [seq]).get(seq))


def correct(session: Session, seq: int, now: datetime) -> MovementRow:
    """Bring the customer's balance up to zero with a correction, which stays on this site; once per movement.

    Raises NotFound, Conflict (`corrected_before`, `not_below_zero`), or InvalidInput if the reserve is not active.
    """
    movement = get(session, seq).movement
    # Lock first: points may have been added meanwhile, and a correction must not take points away.
    key = (movement.customer_id, movement.reserve_id)
    balance = session.get_one(Balance, key, with_for_update=True, populate_existing=True)
    overdrawn = OverdrawnMovement(movement, balance.points, _find_corrections(session, [seq]).get(seq))
    if overdrawn.correction is not None:
        raise Conflict("corrected_before", f"This was already corrected, by movement {overdrawn.correction.id}.")
    if not overdrawn.is_correctable:
        message = f"{movement.customer.email} now has {overdrawn.points:,} points in {movement.reserve.key}"
        raise Conflict("not_below_zero", f"{message}, so there is nothing to correct.")
    draft = Draft(
        movement.customer.email,
        set_to=0,
        reserve=movement.reserve.key,
        kind="correction",
        reason="The balance was below zero",
        ref=_correction_ref(seq),
    )
    [result] = record(session, [draft], CORRECTION_SOURCE, now)
    return result.movement


def corrected_condition() -> ColumnElement[bool]:
    """For queries of movements: the movement took a balance below zero and was corrected here."""
    correction = aliased(Movement)
    has_correction = exists().where(
        correction.source == CORRECTION_SOURCE,
        correction.ref == literal(_REF_PREFIX).concat(cast(Movement.seq, String)),
    )
    return and_(Movement.below_zero == true(), has_correction)


def _select_overdrawn() -> Any:
    """A select of movements and current balances."""
    is_same_balance = and_(Balance.customer_id == Movement.customer_id, Balance.reserve_id == Movement.reserve_id)
    return (
        select(Movement, Balance.points)
        .join(Balance, is_same_balance)
        .join(Movement.customer)
        .join(Movement.reserve)
        .options(contains_eager(Movement.customer), contains_eager(Movement.reserve))
        .where(Movement.below_zero == true())
    )


def _find_corrections(session: Session, seqs: list[int]) -> dict[int, Movement]:
    refs = {_correction_ref(seq): seq for seq in seqs}
    query = select(Movement).where(Movement.source == CORRECTION_SOURCE, Movement.ref.in_(refs))
    return {refs[correction.ref]: correction for correction in session.scalars(query) if correction.ref}


def _correction_ref(seq: int) -> str:
    return f"{_REF_PREFIX}{seq}"
