"""Points reserves. A reserve's key never changes and is never used again."""

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.models import Reserve
from pointsync.text_limits import MAX_NAME_LENGTH, is_reserve_key, printable, validate_text

DEFAULT_RESERVE = "default"
"""The key of the reserve that the first start creates, and of movements that name no reserve."""

# Built once, because every recording executes it.
_FIND = select(Reserve).where(Reserve.key == bindparam("key"))


def list_all(session: Session) -> list[Reserve]:
    """All reserves, sorted by key."""
    return list(session.scalars(select(Reserve).order_by(Reserve.key)))


def get(session: Session, key: str, field: str = "reserve") -> Reserve:
    """The reserve with this key. Raises NotFound with `field` and the keys that exist."""
    reserve = session.scalar(_FIND, {"key": key}) if is_reserve_key(key) else None
    if reserve is None:
        existing_keys = ", ".join(each.key for each in list_all(session))
        message = f"There is no points reserve {printable(key)} here. The reserves are {existing_keys}."
        raise NotFound("unknown_reserve", message, {field: message})
    return reserve


def create(
    session: Session,
    key: str,
    name: str | None,
    now: datetime,
    *,
    is_active: bool = True,
    may_go_below_zero: bool = False,
) -> Reserve:
    """Create a reserve; without a name, its key is its name.

    Raises InvalidInput for an invalid key or name, Conflict if the key is in use.
    """
    if not is_reserve_key(key):
        raise InvalidInput("key", "Type letters, digits, - and _ only, at most 64, such as gold-points.")
    if session.scalar(select(Reserve.id).where(Reserve.key == key)):
        message = f"The key {key} is taken; type another one."
        raise Conflict("key_taken", message, {"key": message})
    reserve = Reserve(
        key=key,
        name=validate_text(name or "", MAX_NAME_LENGTH, "name") or key,
        is_active=is_active,
        may_go_below_zero=may_go_below_zero,
        created_at=now,
    )
    session.add(reserve)
    session.flush()
    return reserve


def update(session: Session, key: str, name: str, is_active: bool, may_go_below_zero: bool) -> Reserve:
    """Change a reserve; recorded movements stay as they are.

    If it is not active, no movements can be recorded in it, and other sites get the answer that it does not exist.
    Raises NotFound, or InvalidInput for the name.
    """
    reserve = get(session, key)
    name = validate_text(name, MAX_NAME_LENGTH, "name")
    if not name:
        raise InvalidInput("name", "Type a name, such as Points.")
    reserve.name, reserve.is_active, reserve.may_go_below_zero = name, is_active, may_go_below_zero
    session.flush()
    return reserve
