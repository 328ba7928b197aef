"""What the tests of reversals share: another site's movements, the site blocked, its movements taken back."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, select

from pointsync import db
from pointsync.ledger.apply import IncomingMovement, apply, lock_origin
from pointsync.ledger.reversals import preview, reversals
from pointsync.ledger.reversals.preview import ReversalPreview, ReversalScope
from pointsync.models import Customer, Movement, Reserve, ReversedMovement
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW

THIEF, OTHER = "wrk_0123456789abcdef", "wrk_fedcba9876543210"
LATER = NOW + timedelta(days=30)


def apply_movements(
    *incoming: IncomingMovement, origin: str = THIEF, now: datetime = NOW, key: str = "default"
) -> list[str]:
    """What becomes of another site's movements."""
    with db.transaction() as session:
        return [each.status for each in apply(session, origin, get_reserve(session, key), incoming, now)]


def block_origin(origin: str = THIEF) -> None:
    with db.transaction() as session:
        lock_origin(session, origin, NOW).blocked_at = NOW


def preview_reversal(since: datetime = NOW, origin: str = THIEF, key: str | None = None) -> ReversalPreview:
    with db.transaction() as session:
        return preview.preview_reversal(
            session, ReversalScope(origin, since, get_reserve(session, key) if key else None)
        )


def start_reversal(found: ReversalPreview, now: datetime = LATER) -> int:
    with db.transaction() as session:
        return reversals.create(session, found, "Reversal of Tea shop", now).id


def run_parts(reversal_id: int) -> Iterator[bool]:
    """What the job does, a part each time; whether it goes on."""
    with db.transaction() as session:
        after = reversals.get(session, reversal_id).after_customer_id
    goes_on = True
    while goes_on:
        with db.transaction() as session:
            found, after = reversals.find_affected_customers(session, reversal_id, after)
            goes_on = reversals.process_batch(session, reversal_id, found, after, LATER)
        yield goes_on


def reverse_all(since: datetime = NOW, origin: str = THIEF, key: str | None = None) -> int:
    """The id of a whole reversal."""
    reversal_id = start_reversal(preview_reversal(since, origin, key))
    assert list(run_parts(reversal_id))[-1] is False
    return reversal_id


def list_corrections() -> list[tuple[str, str, int, str]]:
    """Whose, in which reserve, by how much and why, in their order."""
    query = (
        select(Customer.email, Reserve.key, Movement.points, Movement.reason)
        .join(Customer, Customer.id == Movement.customer_id)
        .join(Reserve, Reserve.id == Movement.reserve_id)
        .where(Movement.kind == "correction")
        .order_by(Movement.seq)
    )
    with db.transaction() as session:
        return [tuple(row) for row in session.execute(query)]


def reversed_count() -> int:
    with db.transaction() as session:
        return session.scalar(select(func.count()).select_from(ReversedMovement)) or 0
