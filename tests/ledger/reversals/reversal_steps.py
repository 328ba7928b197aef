"""Helpers for the tests of reversals: movements of another site, blocking it, and reversing them."""

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
    """Apply movements of another site; returns the statuses."""
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


def run_batches(reversal_id: int) -> Iterator[bool]:
    """Run the job batch by batch; yields whether it continues."""
    with db.transaction() as session:
        after = reversals.get(session, reversal_id).after_customer_id
    continues = True
    while continues:
        with db.transaction() as session:
            found, after = reversals.find_affected_customers(session, reversal_id, after)
            continues = reversals.process_batch(session, reversal_id, found, after, LATER)
        yield continues


def reverse_all(since: datetime = NOW, origin: str = THIEF, key: str | None = None) -> int:
    """Run a reversal to its end; returns its id."""
    reversal_id = start_reversal(preview_reversal(since, origin, key))
    assert list(run_batches(reversal_id))[-1] is False
    return reversal_id


def list_corrections() -> list[tuple[str, str, int, str]]:
    """The corrections in order: customer, reserve, points and reason."""
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
