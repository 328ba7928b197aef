"""What recording would do, shown before it is done: each balance before and after."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from pointsync.ledger import customers
from pointsync.ledger.balances import points_by_customer
from pointsync.ledger.record import Draft
from pointsync.models import Reserve
from pointsync.text_limits import MAX_POINTS


@dataclass(frozen=True, slots=True)
class Forecast:
    """The effect of a draft; if there is a `problem`, `after` equals `before`."""

    draft: Draft
    before: int
    after: int
    is_new: bool
    """No customer on this site has this address yet."""
    problem: str | None = None

    @property
    def points(self) -> int:
        """The change."""
        return self.after - self.before

    @property
    def goes_below_zero(self) -> bool:
        """Whether the change takes the balance below zero, or further below."""
        return self.after < 0 and self.points < 0


def forecast(session: Session, drafts: Sequence[Draft], reserve: Reserve) -> list[Forecast]:
    """What recording `drafts` in `reserve`, in this order, would do: two queries for every 500 customers.

    Their addresses must be normalised and their numbers checked. Nothing is locked, so the balances may have
    changed when the drafts are recorded.
    """
    ids_by_email = customers.find_ids(session, sorted({draft.customer for draft in drafts}))
    points = points_by_customer(session, reserve.id, list(ids_by_email.values()))
    # Two addresses may belong to the same customer.
    current_points: dict[int | str, int] = {}
    current_points.update(points.items())
    forecasts = []
    for draft in drafts:
        customer = ids_by_email.get(draft.customer, draft.customer)
        before = current_points.get(customer, 0)
        after = draft.set_to if draft.set_to is not None else before + (draft.points or 0)
        problem = None
        if abs(after) > MAX_POINTS:
            problem = f"The balance would be {after:,}; it must stay within ±{MAX_POINTS:,}. Type a smaller number."
            after = before
        current_points[customer] = after
        forecasts.append(Forecast(draft, before, after, draft.customer not in ids_by_email, problem))
    return forecasts
