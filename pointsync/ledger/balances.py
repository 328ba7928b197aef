"""The balances that one transaction changes: locked, changed in memory, written once."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, bindparam, select, tuple_, update
from sqlalchemy.orm import Session

from pointsync.db.upsert import insert_missing
from pointsync.models import Balance

Pot = tuple[int, int]
"""A balance's name: (customer's id, reserve's id)."""

CHUNK = 500


class Book:
    """Balances under lock until the transaction ends.

    They are locked in the order of their names, so that two transactions never wait for each other;
    they are written as a difference, so that a lock that failed would show as a wrong sum in no case.
    """

    def __init__(self, session: Session, pots: Iterable[Pot]) -> None:
        self._session = session
        self._before: dict[Pot, int] = {}
        wanted = sorted(set(pots))
        for start in range(0, len(wanted), CHUNK):
            self._before |= self._lock(wanted[start : start + CHUNK])
        self._now = dict(self._before)

    def points(self, pot: Pot) -> int:
        """The balance as this transaction has made it so far."""
        return self._now[pot]

    def add(self, pot: Pot, points: int) -> int:
        """Change the balance by `points`; the new balance."""
        self._now[pot] += points
        return self._now[pot]

    def write(self) -> None:
        """Put the changes into the database."""
        changes = [
            {"customer": pot[0], "reserve": pot[1], "delta": points - self._before[pot]}
            for pot, points in self._now.items()
            if points != self._before[pot]
        ]
        if changes:
            self._session.connection().execute(
                update(Balance)
                .where(Balance.customer_id == bindparam("customer"), Balance.reserve_id == bindparam("reserve"))
                .values(points=Balance.points + bindparam("delta")),
                changes,
            )
            self._before = dict(self._now)

    def _lock(self, pots: list[Pot]) -> dict[Pot, int]:
        found = self._select(pots)
        if len(found) < len(pots):
            missing = [pot for pot in pots if pot not in found]
            insert_missing(
                self._session,
                Balance,
                [{"customer_id": customer, "reserve_id": reserve, "points": 0} for customer, reserve in missing],
            )
            found |= self._select(missing)
        return found

    def _select(self, pots: list[Pot]) -> dict[Pot, int]:
        if len({reserve for _, reserve in pots}) == 1:
            matches: ColumnElement[bool] = Balance.customer_id.in_([customer for customer, _ in pots]) & (
                Balance.reserve_id == pots[0][1]
            )
        else:
            matches = tuple_(Balance.customer_id, Balance.reserve_id).in_(pots)
        rows = self._session.execute(
            select(Balance.customer_id, Balance.reserve_id, Balance.points)
            .where(matches)
            .order_by(Balance.customer_id, Balance.reserve_id)
            .with_for_update()
        )
        return {(customer, reserve): points for customer, reserve, points in rows}
