"""What the tests of levels share: levels made and changed, movements that reach them, and who has."""

from sqlalchemy import select

from pointsync import db
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.rewards import levels
from pointsync.models import Customer, Level, Movement, Unlock
from tests.support.apps import reserve
from tests.support.moving_clock import START as NOW

BOB = "bob@shop.example"
ORIGIN = "wrk_0123456789abcdef"


def level(title: str = "Silver", points: int = 100, key: str = "default", description: str = "") -> int:
    """The id of a new level that nobody has the points of."""
    number = new_level(title, points, key, description)
    caught_up()
    return number


def new_level(title: str = "Silver", points: int = 100, key: str = "default", description: str = "") -> int:
    """The id of a new level, before the job has run."""
    with db.write() as session:
        return levels.add(session, reserve(session, key), title, description, points, NOW).id


def change(level_id: int, points: int = 100, is_active: bool = True, title: str = "Silver") -> None:
    """Change it."""
    with db.write() as session:
        levels.change(session, reserve(session), level_id, title, "", points, is_active)


def caught_up() -> None:
    """Run what the job does to its end."""
    with db.write() as session:
        for number in levels.unfinished(session):
            while levels.step(session, number, NOW):
                pass
        assert levels.unfinished(session) == []


def applied(*incoming: Incoming, key: str = "default") -> list[str]:
    """What becomes of another site's movements."""
    with db.write() as session:
        return [each.status for each in apply(session, ORIGIN, reserve(session, key), incoming, NOW)]


def unlocks() -> list[tuple]:
    """Who has reached what: whose, which, by how many points (None: they were there before), whether quietly."""
    with db.write() as session:
        rows = session.execute(
            select(Customer.email, Level.title, Movement.points, Unlock.is_quiet)
            .join(Unlock, Unlock.customer_id == Customer.id)
            .join(Level, Level.id == Unlock.level_id)
            .join(Movement, Movement.seq == Unlock.movement_seq, isouter=True)
            .order_by(Customer.id, Level.points)
        )
        return [tuple(row) for row in rows]
