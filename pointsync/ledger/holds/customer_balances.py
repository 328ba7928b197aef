"""The balances of many customers, with the points that are held, in a few queries."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.db.chunking import chunks
from pointsync.ledger.customer_json import CustomerBalance
from pointsync.ledger.holds.held_points import sum_held_of
from pointsync.models import Balance, Customer, Reserve


def list_by_email(session: Session, emails: Sequence[str], now: datetime) -> dict[str, list[CustomerBalance]]:
    """The balances of the customers that exist, by e-mail address (already normalised); sorted by the reserve's key."""
    found: dict[str, tuple[int, list[tuple[int, CustomerBalance]]]] = {}
    for part in chunks(sorted(set(emails))):
        rows = session.execute(
            select(Customer.person_id(), Customer.email, Reserve.id, Reserve.key, Balance.points)
            .outerjoin(Balance, Balance.customer_id == Customer.person_id())
            .outerjoin(Reserve, Reserve.id == Balance.reserve_id)
            .where(Customer.email.in_(part))
            .order_by(Customer.email, Reserve.key)
        )
        for customer_id, email, reserve_id, key, points in rows:
            _, balances = found.setdefault(email, (customer_id, []))
            if reserve_id is not None:
                balances.append((reserve_id, CustomerBalance(key, points)))
    held = sum_held_of(session, [customer_id for customer_id, _ in found.values()], now)
    for customer_id, balances in found.values():
        for reserve_id, balance in balances:
            balance.held = held.get((customer_id, reserve_id), 0)
    return {email: [balance for _, balance in balances] for email, (_, balances) in found.items()}
