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

from pointsync import clock, db, key_file
from pointsync.crypto import Vault, WrongSecretKey
from pointsync.db import Base, WriteSession, upgrade_lock
from pointsync.errors import ConfigError
from pointsync.models import Site
from pointsync.runtime import get_runtime

ENCRYPTED_PREFIX = "sealed_"
"""How the name of each column begins whose text is encrypted with the secret key; no other column holds such a text."""
PROOF_QUERY = text("SELECT sealed_private_key FROM site")
"""Present in each version of the database, and what opens it opens all: they are encrypted in one transaction."""

log = logging.getLogger(__name__)


class KeyNotRotated(ConfigError):
    """The database is encrypted with the key before this one."""

    def __init__(self) -> None:
        super().__init__(
            "The database's secrets are still encrypted with POINTSYNC_SECRET_KEY_OLD: stop all processes of this "
            "site, then run: pointsync rotate-key"
        )


class NoMatchingKey(ConfigError):
    """The database is encrypted with another key than the two that are set."""

    def __init__(self) -> None:
        super().__init__(
            "Neither POINTSYNC_SECRET_KEY nor POINTSYNC_SECRET_KEY_OLD is the one that this database's secrets are "
            "encrypted with: give that one back"
        )


def verify_key() -> bool:
    """See that this process has the right key, also where that was changed a moment ago; whether there is a site.

    Raises StillOld, WrongSecret or WrongOld, all of them ConfigError, where it has not; SQLAlchemyError.
    """
    path = db.get_engine().url.database if db.get_engine().dialect.name == "sqlite" else None
    if path and not Path(path).is_file():
        return False  # to look would make it
    with upgrade_lock():  # a change of the key holds it until all is done
        proof = _read_proof()
        if proof is not None:
            _verify_key(proof)
    return proof is not None


def list_encrypted_columns(model: type[Base]) -> list[str]:
    """The names of a model's columns that are encrypted with the secret key."""
    return [each.key for each in inspect(model).column_attrs if each.key.startswith(ENCRYPTED_PREFIX)]


def register() -> None:
    """Let no session write what is encrypted with another key than the rest; once in a process."""
    if not event.contains(WriteSession, "before_flush", _before_flush):
        event.listen(WriteSession, "before_flush", _before_flush)


def _read_proof() -> str | None:
    with db.get_engine().connect() as connection:
        if not inspect(connection).has_table("site"):
            return None
        proof: str | None = connection.scalar(PROOF_QUERY)
    return proof


def _verify_key(proof: str) -> None:
    state = get_runtime()
    config = state.config
    key = config.secret_key if config.secret_key_is_set else _recover_key_file(config.data, proof)
    if not _can_decrypt(key, proof):
        if config.secret_key_old is None:
            raise WrongSecretKey
        raise KeyNotRotated if _can_decrypt(config.secret_key_old, proof) else NoMatchingKey
    if key != config.secret_key:  # changed since this process has read it
        state.use_secret_key(key)
        current_app.config["SECRET_KEY"] = key


def _recover_key_file(data: Path, proof: str) -> str:
    """The key in the file, once a change of it that was cut short is undone, or done where the database is."""
    current_key, next_key = key_file.read_or_create(data), key_file.read_next(data)
    if _can_decrypt(current_key, proof):
        key_file.delete_next(data)
    elif next_key and _can_decrypt(next_key, proof):
        key_file.activate_next(data, clock.now())
        log.warning("a change of the secret key was cut short; it is done now")
        return next_key
    return current_key


def _can_decrypt(key: str, proof: str) -> bool:
    try:
        Vault(key).decrypt(proof)
    except WrongSecretKey:
        return False
    return True


def _before_flush(session: Session, _flush: object, _things: object) -> None:
    """The key may be changed behind a process that had nothing open then: it must not seal with the one it has."""
    if _has_encrypted_changes(chain(session.new, session.dirty)):
        # Whoever changes the key locks this row first.
        query = select(Site.sealed_private_key).with_for_update(read=True, key_share=True)
        if proof := session.connection().scalar(query):
            get_runtime().vault.decrypt(proof)


def _has_encrypted_changes(instances: Iterable[object]) -> bool:
    for instance in instances:
        inspected = inspect(instance, raiseerr=True)
        for name in list_encrypted_columns(type(instance)):  # type: ignore[arg-type]
            if any(inspected.attrs[name].history.added):
                return True
    return False
