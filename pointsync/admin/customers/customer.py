"""The customer that a URL names, and which of their balances are shown."""

from collections.abc import Iterable

from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound

from pointsync.ledger import customers
from pointsync.models import Customer, Reserve


def get_customer(session: Session, customer_id: int) -> Customer:
    """The customer with this row id, or who has the address of this row now. Raises 404."""
    customer = customers.find_by_row(session, customer_id)
    if customer is None:
        raise NotFound
    return customer


def shown_balances(reserves: Iterable[Reserve], points: dict[str, int]) -> list[tuple[Reserve, int]]:
    """Each active reserve with the customer's points, and other reserves in which they have some.

    `points` has the balances by the reserve's key.
    """
    return [
        (reserve, points.get(reserve.key, 0)) for reserve in reserves if reserve.is_active or points.get(reserve.key, 0)
    ]
