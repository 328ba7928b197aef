"""Helpers for the tests of levels: creating and changing levels, reaching them, and listing the unlocks."""

from sqlalchemy import select

from pointsync import db
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.rewards import levels
from pointsync.models import Customer, Level, LevelUnlock, Movement
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW

BOB = "bob@shop.example"
ORIGIN = "wrk_0123456789abcdef"


def add_level(title: str = "Silver", points: int = 100, key: str = "default", description: str = "") -> int:
    """Create a level and run the job; returns the level's id."""
    number = add_level_without_job(title, points, key, description)
    run_level_job()
    return number


def add_level_without_job(title: str = "Silver", points: int = 100, key: str = "default", description: str = "") -> int:
    """Create a level without running the job; returns its id."""
    with db.transaction() as session:
        return levels.create(session, get_reserve(session, key), title, description, points, NOW).id


def change_level(level_id: int, points: int = 100, is_active: bool = True, title: str = "Silver") -> None:
    """Change a level."""
    with db.transaction() as session:
        levels.update(session, get_reserve(session), level_id, title, "", points, is_active)


def run_level_job() -> None:
    """Run the job to its end."""
    with db.transaction() as session:
        for number in levels.list_unfinished(session):
            while levels.process_batch(session, number, NOW):
                pass
        assert levels.list_unfinished(session) == []


def apply_statuses(*incoming: IncomingMovement, key: str = "default") -> list[str]:
    """Apply movements of another site; returns the statuses."""
    with db.transaction() as session:
        return [each.status for each in apply(session, ORIGIN, get_reserve(session, key), incoming, NOW)]


def list_unlocks() -> list[tuple]:
    """The unlocks: customer, level, points of the movement (None: older than the level), whether quietly."""
    with db.transaction() as session:
        rows = session.execute(
            select(Customer.email, Level.title, Movement.points, LevelUnlock.is_quiet)
            .join(LevelUnlock, LevelUnlock.customer_id == Customer.id)
            .join(Level, Level.id == LevelUnlock.level_id)
            .join(Movement, Movement.seq == LevelUnlock.movement_seq, isouter=True)
            .order_by(Customer.id, Level.points)
        )
        return [tuple(row) for row in rows]
