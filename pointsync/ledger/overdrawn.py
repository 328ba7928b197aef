"""Movements that took a balance below zero where its reserve does not allow that, and how an admin puts it right."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, exists, literal, or_, select, true
from sqlalchemy.orm import Session, aliased, contains_eager

from pointsync.db import keyset
from pointsync.errors import Conflict, NotFound
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Movement

SOURCE = "correction"
_REF = "below-zero:"


@dataclass(frozen=True, slots=True)
class Below:
    """A movement with its customer and reserve, what the customer has there now, and what has corrected it here."""

    movement: Movement
    points: int
    correction: Movement | None

    @property
    def may_be_corrected(self) -> bool:
        """Whether `correct` would do anything."""
        return self.points < 0 and self.correction is None and not self.movement.reserve.may_go_below_zero


def page(session: Session, since: datetime, *, cursor: str | None = None, size: int = 20) -> keyset.Page[Below]:
    """A page of those recorded since then, and of older ones whose customer is still below zero; newest first.

    Two queries, three on the way back to the first page, by the partial index of such movements alone. Raises
    Invalid for `cursor` or `size`.
    """
    query = _flagged().where(or_(Movement.recorded_at >= since, Balance.points < 0))

    def read(step: keyset.Step) -> list[Any]:
        return list(session.execute(step.narrow(query, Movement.seq.expression, is_descending=True)))

    found = keyset.turn(cursor, size, (int,), read, lambda row: (row[0].seq,))
    corrections = _corrections(session, [movement.seq for movement, _ in found.rows])
    return found.showing([Below(movement, points, corrections.get(movement.seq)) for movement, points in found.rows])


def get(session: Session, seq: int) -> Below:
    """One of them. Raises NotFound."""
    row = session.execute(_flagged().where(Movement.seq == seq)).first()
    if row is None:
        raise NotFound("unknown_movement", f"No movement {seq} took a customer below zero here.")
    movement, points = row
    return Below(movement, points, _corrections(session, [seq]).get(seq))


def correct(session: Session, seq: int, now: datetime) -> Movement:
    """Bring the customer's balance up to zero by a correction, which stays on this site; once for each movement.

    Raises NotFound, Conflict where nothing is to be corrected (any more), or Invalid where the reserve is not
    active.
    """
    movement = get(session, seq).movement
    # Locked first: what came meanwhile may have made it enough, and a correction must not take points away.
    pot = (movement.customer_id, movement.reserve_id)
    balance = session.get_one(Balance, pot, with_for_update=True, populate_existing=True)
    below = Below(movement, balance.points, _corrections(session, [seq]).get(seq))
    if below.correction is not None:
        raise Conflict("corrected_before", f"That was corrected before, by movement {below.correction.id}.")
    if not below.may_be_corrected:
        message = f"{movement.customer.email} has {below.points:,} points in {movement.reserve.key} now"
        raise Conflict("not_below_zero", f"{message}: nothing is to be corrected.")
    draft = Draft(
        movement.customer.email,
        set_to=0,
        reserve=movement.reserve.key,
        kind="correction",
        reason="The balance was below zero",
        ref=_ref(seq),
    )
    [made] = record(session, [draft], SOURCE, now)
    return made.movement


def is_corrected() -> ColumnElement[bool]:
    """In a query of movements, whether one took a balance below zero and was corrected here."""
    made = aliased(Movement)
    by_hand = exists().where(made.source == SOURCE, made.ref == literal(_REF).concat(cast(Movement.seq, String)))
    return and_(Movement.below_zero == true(), by_hand)


def _flagged() -> Any:
    """A select of movements and balances."""
    pot = and_(Balance.customer_id == Movement.customer_id, Balance.reserve_id == Movement.reserve_id)
    return (
        select(Movement, Balance.points)
        .join(Balance, pot)
        .join(Movement.customer)
        .join(Movement.reserve)
        .options(contains_eager(Movement.customer), contains_eager(Movement.reserve))
        .where(Movement.below_zero == true())
    )


def _corrections(session: Session, seqs: list[int]) -> dict[int, Movement]:
    refs = {_ref(seq): seq for seq in seqs}
    query = select(Movement).where(Movement.source == SOURCE, Movement.ref.in_(refs))
    return {refs[made.ref]: made for made in session.scalars(query) if made.ref}


def _ref(seq: int) -> str:
    """What a correction is known by, beside those of refused movements."""
    return f"{_REF}{seq}"
