"""API keys: made, listed, revoked, and found by what a caller shows."""

import re
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import crypto, ids
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.models import ApiKey, Site

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


def create(session: Session, name: str, now: datetime) -> tuple[ApiKey, str]:
    """A new key: its row, and the key itself, which is stored nowhere.

    A name may be used again once its key is revoked; its movements' refs go on. Raises Invalid for a
    name that cannot be, Conflict for one that a live key has.
    """
    check_name(name)
    lock(session)
    if _live(session, name):
        message = f"There is a key {name} already; choose another name, or revoke that key first."
        raise Conflict("name_taken", message, {"name": message})
    key = ids.new_key()
    row = ApiKey(name=name, digest=crypto.digest(key), created_at=now)
    session.add(row)
    session.flush()
    return row, key


def every(session: Session) -> list[ApiKey]:
    """The live keys, by name."""
    return list(session.scalars(select(ApiKey).where(ApiKey.revoked_at.is_(None)).order_by(ApiKey.name)))


def revoke(session: Session, name: str, now: datetime) -> None:
    """End the live key of that name at once. Raises NotFound where there is none."""
    row = _live(session, name) if _NAME.match(name) else None
    if row is None:
        message = f"There is no live key {name[:64]!r}; pointsync key list shows those there are."
        raise NotFound("unknown_key", message, {"name": message})
    row.revoked_at = now
    session.flush()


def find(session: Session, key: str) -> ApiKey | None:
    """The live key that a caller has shown, or None. Found by its hash, so its time tells nothing."""
    query = select(ApiKey).where(ApiKey.digest == crypto.digest(key), ApiKey.revoked_at.is_(None))
    return session.scalar(query)


def check_name(name: str) -> None:
    """Raises Invalid where `name` cannot be that of a key or a hook."""
    if not _NAME.match(name):
        raise Invalid("name", "A name has letters, digits, . _ and - only, 1 to 64, such as web-shop.")


def lock(session: Session) -> None:
    """Let one transaction at a time look whether a name is free, and take it."""
    session.execute(select(Site.id).with_for_update())


def _live(session: Session, name: str) -> ApiKey | None:
    return session.scalar(select(ApiKey).where(ApiKey.name == name, ApiKey.revoked_at.is_(None)))
