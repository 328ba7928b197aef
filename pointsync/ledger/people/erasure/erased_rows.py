"""What an erasure does with the row of one address: the row stays with what was recorded before, and gets the token in
place of the address. What is dated later moves to a new row of the address.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from pointsync.db.chunking import chunks
from pointsync.ledger.balances import LockedBalances
from pointsync.ledger.people import find_alike, loose_keys
from pointsync.ledger.people.erasure.known_movements import KnownMovements, list_later
from pointsync.ledger.people.members import list_members
from pointsync.models import (
    Balance,
    Customer,
    CustomerPair,
    Hold,
    LevelUnlock,
    Mail,
    Movement,
    MovementChange,
    ShopOrderPoints,
)

_NO_SYNC = {"synchronize_session": False}


def replace_address(
    session: Session, address: str, token: str, until: datetime, now: datetime, known_movements: KnownMovements
) -> Customer | None:
    """Let `token` replace an address in everything that is dated before `until`. Return the row, if there was one.

    Balances stay with the person as a whole: the caller arranges the rows afterwards.
    """
    row = _find_locked(session, address)
    if row is None:
        return None
    later = list_later(session, row.id, until, known_movements)
    spelling, erased_until = row.spelling, max(until, row.erased_until or until)
    if (known := _find_locked(session, token)) is not None:
        _absorb(session, known, row)
    row.email, row.spelling, row.erased_until, row.loose_key = token, None, None, loose_keys.NO_KEY
    _delete_pairs(session, row.id)
    session.flush()
    if later or session.scalar(select(Hold.id).where(Hold.customer_id == row.id, Hold.created_at >= until).limit(1)):
        new = Customer(email=address, spelling=spelling, created_at=now, erased_until=erased_until)
        new.merged_into_id = row.merged_into_id or row.id
        session.add(new)
        session.flush()
        _move_later(session, row.id, new.id, later, until)
    return row


def _find_locked(session: Session, email: str) -> Customer | None:
    query = select(Customer).where(Customer.email == email).with_for_update()
    return session.scalar(query.execution_options(populate_existing=True))


def _move_later(session: Session, old_id: int, new_id: int, seqs: Sequence[int], until: datetime) -> None:
    _move_movements(session, seqs, new_id)
    for model, is_later in (
        (Hold, Hold.created_at >= until),
        (Mail, Mail.at >= until),
        (LevelUnlock, LevelUnlock.at >= until),
        (ShopOrderPoints, ShopOrderPoints.given_at >= until),
    ):
        of_row: ColumnElement[bool] = model.customer_id == old_id
        statement = update(model).where(of_row, is_later).values(customer_id=new_id)
        session.execute(statement, execution_options=_NO_SYNC)


def _absorb(session: Session, gone: Customer, row: Customer) -> None:
    """Let everything of a token's row belong to the row that will have the token. It came here before the erasure."""
    person_id, gone_person_id = row.merged_into_id or row.id, gone.merged_into_id or gone.id
    if person_id != gone_person_id:
        _join(session, gone_person_id, person_id)
    _move_movements(session, session.scalars(select(Movement.seq).where(Movement.customer_id == gone.id)).all(), row.id)
    for each in session.scalars(select(ShopOrderPoints).where(ShopOrderPoints.customer_id == gone.id)).all():
        own = session.get(ShopOrderPoints, (each.shop_order_id, each.reserve_id, row.id))
        if own is None:
            session.add(
                ShopOrderPoints(
                    shop_order_id=each.shop_order_id,
                    reserve_id=each.reserve_id,
                    customer_id=row.id,
                    points=each.points,
                    given_at=each.given_at,
                    rule_id=each.rule_id,
                )
            )
        else:
            own.points += each.points
        session.delete(each)
    for model in (Hold, Mail):
        of_gone = model.customer_id == gone.id
        session.execute(update(model).where(of_gone).values(customer_id=row.id), execution_options=_NO_SYNC)
    session.execute(delete(LevelUnlock).where(LevelUnlock.customer_id == gone.id), execution_options=_NO_SYNC)
    _delete_pairs(session, gone.id)
    session.flush()
    session.delete(gone)
    session.flush()


def _delete_pairs(session: Session, row_id: int) -> None:
    """Nobody may be the same as an erased person. The others may still be alike."""
    of_row = or_(CustomerPair.first_id == row_id, CustomerPair.second_id == row_id)
    pairs = session.execute(select(CustomerPair.first_id, CustomerPair.second_id).where(of_row)).all()
    session.execute(delete(CustomerPair).where(of_row), execution_options=_NO_SYNC)
    find_alike.compare_again(session, {each for pair in pairs for each in pair} - {row_id})


def _join(session: Session, gone_id: int, person_id: int) -> None:
    """Let all addresses and points of one person belong to another one."""
    query = select(Balance).where(Balance.customer_id == gone_id).order_by(Balance.reserve_id).with_for_update()
    balances = {each.reserve_id: each.points for each in session.scalars(query)}
    locked = LockedBalances(session, ((person_id, reserve_id) for reserve_id in balances))
    for reserve_id, points in balances.items():
        locked.add((person_id, reserve_id), points)
    locked.save()
    session.execute(delete(Balance).where(Balance.customer_id == gone_id), execution_options=_NO_SYNC)
    members = update(Customer).where(Customer.id.in_(list_members(session, gone_id))).values(merged_into_id=person_id)
    session.execute(members, execution_options=_NO_SYNC)
    session.flush()
    session.expire_all()


def _move_movements(session: Session, seqs: Sequence[int], customer_id: int) -> None:
    """Let movements belong to another row. The triggers take this for an edit, so their notes are deleted again."""
    last_note = session.scalar(select(func.max(MovementChange.id))) or 0
    for part in chunks(seqs):
        moved = update(Movement).where(Movement.seq.in_(part)).values(customer_id=customer_id)
        session.execute(moved, execution_options=_NO_SYNC)
        notes = (MovementChange.id > last_note, MovementChange.movement_seq.in_(part))
        session.execute(delete(MovementChange).where(*notes), execution_options=_NO_SYNC)
