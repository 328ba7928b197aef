"""Points reserves: named pots whose keys never change and are never used again."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.ledger.bounds import MAX_NAME, check_text, is_reserve_key
from pointsync.models import Reserve


def every(session: Session) -> list[Reserve]:
    """All reserves, by key."""
    return list(session.scalars(select(Reserve).order_by(Reserve.key)))


def get(session: Session, key: str, field: str = "reserve") -> Reserve:
    """The reserve with that key. Raises NotFound naming `field` and the keys that exist."""
    query = select(Reserve).where(Reserve.key == key)
    reserve = session.scalar(query) if is_reserve_key(key) else None
    if reserve is None:
        there = ", ".join(each.key for each in every(session))
        message = f"There is no points reserve {key[:64]!r} here; there is {there}."
        raise NotFound("unknown_reserve", message, {field: message})
    return reserve


def add(session: Session, key: str, name: str | None, now: datetime) -> Reserve:
    """A new reserve. Raises Invalid for a key or name that cannot be, Conflict for a key that is taken."""
    if not is_reserve_key(key):
        raise Invalid("key", "A key has letters, digits, - and _ only, at most 64, such as gold-points.")
    if session.scalar(select(Reserve.id).where(Reserve.key == key)):
        message = f"The key {key} is taken; a reserve's key is never used again."
        raise Conflict("key_taken", message, {"key": message})
    reserve = Reserve(key=key, name=check_text(name or key, MAX_NAME, "name"), created_at=now)
    session.add(reserve)
    session.flush()
    return reserve
