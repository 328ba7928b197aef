"""Corrections of balances below zero that go to all sites, and what happens if two sites make the same one.

Every site sees the same balance below zero, and on each of them an admin may correct it before the correction of the
other one arrives. Then both count, and the customer has been given the points twice. So the corrections of a balance
are numbered, from those that a site knows: two with the same number are for the same balance below zero. The one with
the lower id stays, and the site of the other one takes its own back. All sites decide the same without asking.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.ledger.balances import LockedBalances
from pointsync.ledger.movement_row import MovementRow
from pointsync.ledger.outbox import get_local_auth
from pointsync.ledger.people.members import list_members, lock_people
from pointsync.ledger.record import Draft, record
from pointsync.models import Customer, Movement, Reserve
from pointsync.text_limits import MAX_POINTS

CORRECTION_SOURCE = "correction"
"""The source of corrections, of balances below zero and of movements that another site refused."""
KIND = "manual"
REF_PREFIX = "below-zero:"
_REF = re.compile(rf"{REF_PREFIX}[0-9]{{1,19}}:([0-9]{{1,9}})")
_TAKEN_BACK_SUFFIX = ":taken-back"


def make_ref(session: Session, movement: Movement) -> str:
    """The ref of the next correction after `movement`. Lock the balance first, so that no other one gets its number."""
    customer_id = lock_people(session, [movement.customer_id])[movement.customer_id]
    known = (_parse_number(ref) for _, _, _, ref in _load_all(session, customer_id, movement.reserve_id))
    return f"{REF_PREFIX}{movement.seq}:{max((each for each in known if each is not None), default=0) + 1}"


def taken_back_ref(ref: str) -> str:
    """The ref of the movement that takes a correction back."""
    return f"{ref}{_TAKEN_BACK_SUFFIX}"


def take_back_duplicates(session: Session, applied: Sequence[MovementRow], now: datetime) -> None:
    """Take back own corrections that another site, whose movements were just `applied`, has made with a lower id."""
    for row in applied:
        number = _parse_number(row.ref) if row.kind == KIND and row.points > 0 else None
        if number is None:
            continue
        local_auth = get_local_auth(session)
        for movement_id, origin, points, ref in _load_all(session, row.customer_id, row.reserve_id):
            is_duplicate = origin == local_auth and _parse_number(ref) == number
            if is_duplicate and _rank(row.id, row.origin) < _rank(movement_id, origin):
                _take_back(session, row, points, ref, now)


def _take_back(session: Session, row: MovementRow, points: int, ref: str, now: datetime) -> None:
    key = (row.customer_id, row.reserve_id)
    if LockedBalances(session, [key]).get(key) - points < -MAX_POINTS:
        return  # it cannot be recorded, and a batch must not fail because of it
    draft = Draft(
        session.scalars(select(Customer.email).where(Customer.id == row.customer_id)).one(),
        -points,
        reserve=session.scalars(select(Reserve.key).where(Reserve.id == row.reserve_id)).one(),
        kind=KIND,
        reason="Taken back: another site had corrected the same balance",
        ref=taken_back_ref(ref),
    )
    record(session, [draft], CORRECTION_SOURCE, now)


def _load_all(session: Session, customer_id: int, reserve_id: int) -> list[tuple[str, str, int, str]]:
    """Id, origin, points and ref of the corrections of all sites for this balance that are known here."""
    query = select(Movement.id, Movement.origin, Movement.points, Movement.ref).where(
        Movement.customer_id.in_(list_members(session, customer_id)),
        Movement.reserve_id == reserve_id,
        Movement.kind == KIND,
        Movement.points > 0,
        Movement.ref.startswith(REF_PREFIX),
    )
    return [(row.id, row.origin, row.points, row.ref) for row in session.execute(query)]


def _parse_number(ref: str | None) -> int | None:
    match = _REF.fullmatch(ref or "")
    return int(match[1]) if match else None


def _rank(movement_id: str, origin: str) -> tuple[int, str]:
    return ids.parse_movement_id(movement_id) or 0, origin
