"""What recording would do, before it is done: each balance before and after."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger import customers
from pointsync.ledger.balances import CHUNK_SIZE
from pointsync.ledger.record import Draft
from pointsync.models import Balance, Reserve
from pointsync.text_limits import MAX_POINTS


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would come of a draft; with a `fault` nothing would, and `after` is as before."""

    draft: Draft
    before: int
    after: int
    is_new: bool
    """No customer here has that address yet."""
    problem: str | None = None

    @property
    def points(self) -> int:
        """The change."""
        return self.after - self.before

    @property
    def goes_below_zero(self) -> bool:
        """Whether this takes points that are not there; one that gives to a balance below zero does not."""
        return self.after < 0 and self.points < 0


def forecast(session: Session, drafts: Sequence[Draft], reserve: Reserve) -> list[Forecast]:
    """What recording `drafts` in `reserve` would do, each in its turn: two queries for every 500 customers.

    Their addresses are normalised and their numbers checked before. Nothing is locked: what is recorded
    meanwhile makes it another balance.
    """
    ids_by_email = customers.find_ids(session, sorted({draft.customer for draft in drafts}))
    points = _points_by_customer(session, list(ids_by_email.values()), reserve)
    current_points = {email: points.get(customer_id, 0) for email, customer_id in ids_by_email.items()}
    forecasts = []
    for draft in drafts:
        before = current_points.get(draft.customer, 0)
        after = draft.set_to if draft.set_to is not None else before + (draft.points or 0)
        problem = None
        if abs(after) > MAX_POINTS:
            problem = f"The balance would be {after:,}; it must stay within ±{MAX_POINTS:,}. Type a smaller number."
            after = before
        current_points[draft.customer] = after
        forecasts.append(Forecast(draft, before, after, draft.customer not in ids_by_email, problem))
    return forecasts


def _points_by_customer(session: Session, customer_ids: list[int], reserve: Reserve) -> dict[int, int]:
    """The balances in `reserve`, by customer; without those who never had any."""
    found: dict[int, int] = {}
    for start in range(0, len(customer_ids), CHUNK_SIZE):
        rows = session.execute(
            select(Balance.customer_id, Balance.points).where(
                Balance.reserve_id == reserve.id, Balance.customer_id.in_(customer_ids[start : start + CHUNK_SIZE])
            )
        )
        found |= {row.customer_id: row.points for row in rows}
    return found
