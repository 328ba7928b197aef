"""Whether this process has the secret key that the database's secrets are encrypted with.

Every process and command asks it before it works. A change of the key (`sync.key_rotation`) that was cut short is
finished then, or undone: until the database was written, the key before is the right one, and from then on the next.
"""

import logging
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from flask import current_app
from sqlalchemy import event, inspect, select, text
from sqlalchemy.orm import Session

from pointsync import clock, key_file
from pointsync.crypto import Vault, WrongSecret
from pointsync.db import Base, Writing, db, upgrade_lock
from pointsync.errors import ConfigError
from pointsync.models import Site
from pointsync.runtime import runtime

SEALED = "sealed_"
"""How the name of each column begins whose text is encrypted with the secret key; no other column holds such a text."""
PROOF = text("SELECT sealed_private_key FROM site")
"""Present in each version of the database, and what opens it opens all: they are encrypted in one transaction."""

log = logging.getLogger(__name__)


class StillOld(ConfigError):
    """The database is encrypted with the key before this one."""

    def __init__(self) -> None:
        super().__init__(
            "The database's secrets are still encrypted with POINTSYNC_SECRET_KEY_OLD: stop all processes of this "
            "site, then run: pointsync rotate-key"
        )


class WrongOld(ConfigError):
    """The database is encrypted with another key than the two that are set."""

    def __init__(self) -> None:
        super().__init__(
            "Neither POINTSYNC_SECRET_KEY nor POINTSYNC_SECRET_KEY_OLD is the one that this database's secrets are "
            "encrypted with: give that one back"
        )


def settle() -> bool:
    """See that this process has the right key, also where that was changed a moment ago; whether there is a site.

    Raises StillOld, WrongSecret or WrongOld, all of them ConfigError, where it has not; SQLAlchemyError.
    """
    place = db.engine.url.database if db.engine.dialect.name == "sqlite" else None
    if place and not Path(place).is_file():
        return False  # to look would make it
    with upgrade_lock():  # a change of the key holds it until all is done
        proof = _proof()
        if proof is not None:
            _settle(proof)
    return proof is not None


def sealed_columns(model: type[Base]) -> list[str]:
    """The names of a model's columns that are encrypted with the secret key."""
    return [each.key for each in inspect(model).column_attrs if each.key.startswith(SEALED)]


def register() -> None:
    """Let no session write what is encrypted with another key than the rest; once in a process."""
    if not event.contains(Writing, "before_flush", _before_flush):
        event.listen(Writing, "before_flush", _before_flush)


def _proof() -> str | None:
    with db.engine.connect() as connection:
        if not inspect(connection).has_table("site"):
            return None
        found: str | None = connection.scalar(PROOF)
    return found


def _settle(proof: str) -> None:
    here = runtime()
    config = here.config
    key = config.secret_key if config.secret_key_is_set else _made_key(config.data, proof)
    if not _opens(key, proof):
        if config.secret_key_old is None:
            raise WrongSecret
        raise StillOld if _opens(config.secret_key_old, proof) else WrongOld
    if key != config.secret_key:  # changed since this process has read it
        here.adopt(key)
        current_app.config["SECRET_KEY"] = key


def _made_key(data: Path, proof: str) -> str:
    """The key in the file, once a change of it that was cut short is undone, or done where the database is."""
    kept, following = key_file.kept(data), key_file.read_next(data)
    if _opens(kept, proof):
        key_file.drop_next(data)
    elif following and _opens(following, proof):
        key_file.take_next(data, clock.now())
        log.warning("a change of the secret key was cut short; it is done now")
        return following
    return kept


def _opens(key: str, proof: str) -> bool:
    try:
        Vault(key).open(proof)
    except WrongSecret:
        return False
    return True


def _before_flush(session: Session, _flush: object, _things: object) -> None:
    """The key may be changed behind a process that had nothing open then: it must not seal with the one it has."""
    if _seals(chain(session.new, session.dirty)):
        # Whoever changes the key locks this row first.
        query = select(Site.sealed_private_key).with_for_update(read=True, key_share=True)
        if proof := session.connection().scalar(query):
            runtime().vault.open(proof)


def _seals(things: Iterable[object]) -> bool:
    for thing in things:
        seen = inspect(thing, raiseerr=True)
        for name in sealed_columns(type(thing)):  # type: ignore[arg-type]
            if any(seen.attrs[name].history.added):
                return True
    return False
