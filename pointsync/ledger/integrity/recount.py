"""Counting balances anew from the movements, where somebody has changed either in the database."""

from collections.abc import Iterable

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from pointsync.db.chunking import chunks
from pointsync.ledger.balances import BalanceKey, LockedBalances
from pointsync.ledger.people.members import list_members
from pointsync.models import Movement


def recount_balances(session: Session, keys: Iterable[BalanceKey]) -> dict[BalanceKey, int]:
    """Make these balances, and the balance after each of their movements, the sum of the movements.

    Return the balances.
    """
    unique_keys = sorted(set(keys))
    balances = LockedBalances(session, unique_keys)
    for key in unique_keys:
        balances.add(key, _recount_after_each(session, key) - balances.get(key))
    balances.save()
    return {key: balances.get(key) for key in unique_keys}


def _recount_after_each(session: Session, key: BalanceKey) -> int:
    """Correct the balance after each movement, and return the last one."""
    customer_id, reserve_id = key
    rows = session.execute(
        select(Movement.seq, Movement.points, Movement.balance)
        .where(Movement.customer_id.in_(list_members(session, customer_id)), Movement.reserve_id == reserve_id)
        .order_by(Movement.seq)
    )
    balance, wrong = 0, []
    for seq, points, stored in rows:
        balance += points
        if stored != balance:
            wrong.append({"row": seq, "right": balance})
    for part in chunks(wrong):
        session.connection().execute(
            update(Movement.__table__)  # type: ignore[arg-type]
            .where(Movement.seq == bindparam("row"))
            .values(balance=bindparam("right")),
            part,
        )
    return balance
