"""Proving the ledger: every balance is the sum of its movements."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.models import Balance, Customer, Movement, Reserve

MOST = 1000


def differences(session: Session, most: int = MOST) -> list[dict[str, Any]]:
    """`[{customer, reserve, balance, movements}]` where a balance is not the sum of its movements.

    At most `most` of them, by customer; a balance without movements counts as a sum of 0, movements
    without a balance as a balance of 0.
    """
    sums = (
        select(
            Movement.customer_id,
            Movement.reserve_id,
            func.sum(Movement.points).label("points"),
        )
        .group_by(Movement.customer_id, Movement.reserve_id)
        .subquery()
    )
    same_pot = (Balance.customer_id == sums.c.customer_id) & (Balance.reserve_id == sums.c.reserve_id)
    joined = Balance.__table__.join(sums, same_pot, full=True)
    query = (
        select(
            Customer.email,
            Reserve.key,
            func.coalesce(Balance.points, 0).label("balance"),
            func.coalesce(sums.c.points, 0).label("movements"),
        )
        .select_from(joined)
        .join(Customer, Customer.id == func.coalesce(Balance.customer_id, sums.c.customer_id))
        .join(Reserve, Reserve.id == func.coalesce(Balance.reserve_id, sums.c.reserve_id))
        .where(func.coalesce(Balance.points, 0) != func.coalesce(sums.c.points, 0))
        .order_by(Customer.email, Reserve.key)
        .limit(most)
    )
    return [
        {"customer": email, "reserve": key, "balance": int(balance), "movements": int(total)}
        for email, key, balance, total in session.execute(query)
    ]
