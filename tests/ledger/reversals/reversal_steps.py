"""What the tests of reversals share: another site's movements, the site blocked, its movements taken back."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, select

from pointsync import db
from pointsync.ledger.apply import Incoming, apply, lock_origin
from pointsync.ledger.reversals import preview, reversals
from pointsync.ledger.reversals.preview import Preview, Scope
from pointsync.models import Customer, Movement, Reserve, ReversedMovement
from tests.support.apps import reserve
from tests.support.moving_clock import START as NOW

THIEF, OTHER = "wrk_0123456789abcdef", "wrk_fedcba9876543210"
LATER = NOW + timedelta(days=30)


def sent(*incoming: Incoming, origin: str = THIEF, now: datetime = NOW, key: str = "default") -> list[str]:
    """What becomes of another site's movements."""
    with db.write() as session:
        return [each.status for each in apply(session, origin, reserve(session, key), incoming, now)]


def blocked(origin: str = THIEF) -> None:
    with db.write() as session:
        lock_origin(session, origin, NOW).blocked_at = NOW


def foreseen(since: datetime = NOW, origin: str = THIEF, key: str | None = None) -> Preview:
    with db.write() as session:
        return preview.preview(session, Scope(origin, since, reserve(session, key) if key else None))


def started(found: Preview, now: datetime = LATER) -> int:
    with db.write() as session:
        return reversals.start(session, found, "Reversal of Tea shop", now).id


def parts(reversal_id: int) -> Iterator[bool]:
    """What the job does, a part each time; whether it goes on."""
    with db.write() as session:
        after = reversals.get(session, reversal_id).after_customer_id
    goes_on = True
    while goes_on:
        with db.write() as session:
            found, after = reversals.affected(session, reversal_id, after)
            goes_on = reversals.step(session, reversal_id, found, after, LATER)
        yield goes_on


def taken_back(since: datetime = NOW, origin: str = THIEF, key: str | None = None) -> int:
    """The id of a whole reversal."""
    reversal_id = started(foreseen(since, origin, key))
    assert list(parts(reversal_id))[-1] is False
    return reversal_id


def corrections() -> list[tuple[str, str, int, str]]:
    """Whose, in which reserve, by how much and why, in their order."""
    query = (
        select(Customer.email, Reserve.key, Movement.points, Movement.reason)
        .join(Customer, Customer.id == Movement.customer_id)
        .join(Reserve, Reserve.id == Movement.reserve_id)
        .where(Movement.kind == "correction")
        .order_by(Movement.seq)
    )
    with db.write() as session:
        return [tuple(row) for row in session.execute(query)]


def times_reversed() -> int:
    with db.write() as session:
        return session.scalar(select(func.count()).select_from(ReversedMovement)) or 0
