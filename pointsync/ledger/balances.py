"""The balances that one transaction changes: locked, changed in memory, and written once."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.db.bulk import execute_many
from pointsync.db.is_in import is_in, is_in_parameter
from pointsync.db.upsert import insert_or_ignore
from pointsync.models import Balance, Customer, Movement
from pointsync.text_limits import MAX_POINTS

BalanceKey = tuple[int, int]
"""(customer's id, reserve's id)"""

# Built once, because every movement executes them.
_LOCK_BALANCES = (
    select(Balance.customer_id, Balance.reserve_id, Balance.points)
    .where(is_in_parameter(Balance.customer_id, "customer_ids"), is_in_parameter(Balance.reserve_id, "reserve_ids"))
    .order_by(Balance.customer_id, Balance.reserve_id)
    .with_for_update()
)
_ADD_POINTS = "UPDATE balance SET points = points + ? WHERE customer_id = ? AND reserve_id = ?"


def leaves_bounds(balance: int, points: int) -> bool:
    """Whether a movement of `points` is refused because the balance would leave its bounds.

    A merge that another site has made can lead beyond them. Then only movements that lead back are possible.
    """
    return abs(balance + points) > max(MAX_POINTS, abs(balance))


class LockedBalances:
    """Balances that are locked until the transaction ends.

    They are locked in the order of their keys, so that two transactions do not deadlock. They are saved as
    differences, so that even without a lock no change would be lost.
    """

    def __init__(self, session: Session, keys: Iterable[BalanceKey]) -> None:
        self._session = session
        self._saved_points = self._lock(sorted(set(keys)))
        self._current_points = dict(self._saved_points)

    def get(self, key: BalanceKey) -> int:
        """The balance, with the changes of this transaction."""
        return self._current_points[key]

    def add(self, key: BalanceKey, points: int) -> int:
        """Change the balance by `points` and return the new balance."""
        self._current_points[key] += points
        return self._current_points[key]

    def save(self) -> None:
        """Write the changes to the database."""
        changes = [
            (points - self._saved_points[key], *key)
            for key, points in self._current_points.items()
            if points != self._saved_points[key]
        ]
        if changes:
            execute_many(self._session, _ADD_POINTS, changes)
            self._saved_points = dict(self._current_points)

    def _lock(self, keys: Sequence[BalanceKey]) -> dict[BalanceKey, int]:
        found = self._select_for_update(keys)
        if len(found) < len(keys):
            missing = [key for key in keys if key not in found]
            insert_or_ignore(
                self._session,
                Balance,
                [{"customer_id": customer, "reserve_id": reserve, "points": 0} for customer, reserve in missing],
            )
            found |= self._select_for_update(missing)
        return found

    def _select_for_update(self, keys: Sequence[BalanceKey]) -> dict[BalanceKey, int]:
        if not keys:
            return {}
        reserve_ids = {reserve for _, reserve in keys}
        parameters = {"customer_ids": [customer for customer, _ in keys], "reserve_ids": list(reserve_ids)}
        rows = self._session.connection().execute(_LOCK_BALANCES, parameters).all()
        # With several reserves, more rows than wanted may match. They are locked in the same order.
        found = {(customer, reserve): points for customer, reserve, points in rows}
        return found if len(reserve_ids) == 1 else {key: found[key] for key in keys if key in found}


def points_by_customer(session: Session, reserve_id: int, customer_ids: Sequence[int]) -> dict[int, int]:
    """The balances in a reserve, by customer id, not locked; customers without a balance there are left out."""
    # The reserve is no condition: SQLite would read all its balances then, rather than look up each customer.
    query = select(Balance.customer_id, Balance.reserve_id, Balance.points)
    rows = session.execute(query.where(is_in(Balance.customer_id, customer_ids)))
    return {customer_id: points for customer_id, found_id, points in rows if found_id == reserve_id}


def get_current_balance(session: Session, origin: str, movement_id: str) -> int | None:
    """The current balance of the customer and reserve of a movement from `origin`; None if it is not recorded here."""
    query = select(Customer.person_id(), Movement.reserve_id).join(Customer, Customer.id == Movement.customer_id)
    query = query.where(Movement.origin == origin, Movement.id == movement_id)
    row = session.execute(query).first()
    return None if row is None else session.get_one(Balance, tuple(row), populate_existing=True).points
