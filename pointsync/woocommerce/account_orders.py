"""Orders follow the accounts that they belong to."""

from datetime import datetime

from sqlalchemy.orm import Session

from pointsync.ledger.orders import move_orders
from pointsync.models import Shop
from pointsync.woocommerce import rules


def move_next(session: Session, now: datetime) -> bool:
    """Move the next orders of an account whose address has changed. Return whether there was anything to do."""
    shop: Shop | None = move_orders.find_next(session)
    if shop is None:
        return False
    move_orders.move_next(session, shop, rules.early_sources(session, None, shop), now)
    return True
