"""Checks that this process has the secret key with which the database's secrets are encrypted.

Every process and command checks this first. If a change of the key (`ops.key_rotation`) was interrupted, the check
finishes it or undoes it: the next key is valid if the database was already encrypted with it, otherwise the old one.
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
"""The beginning of the names of all columns that are encrypted with the secret key."""
PROOF_QUERY = text("SELECT sealed_private_key FROM site")
"""A value that every version of the database has. Its key is the key of all, because one transaction encrypts all."""

log = logging.getLogger(__name__)


class KeyNotRotated(ConfigError):
    """The database is still encrypted with the old key."""

    def __init__(self) -> None:
        super().__init__(
            "The database's secrets are still encrypted with POINTSYNC_SECRET_KEY_OLD: stop all processes of this "
            "site, then run: pointsync rotate-key"
        )


class NoMatchingKey(ConfigError):
    """The database is encrypted with neither of the two keys that are set."""

    def __init__(self) -> None:
        super().__init__(
            "Neither POINTSYNC_SECRET_KEY nor POINTSYNC_SECRET_KEY_OLD is the key that this database's secrets are "
            "encrypted with: restore that key"
        )


def verify_key() -> bool:
    """Check the key, and use the current one if it was changed since this process read it.

    Returns whether the database has a site. Raises KeyNotRotated, WrongSecretKey or NoMatchingKey, which are all
    ConfigError, and SQLAlchemyError.
    """
    path = db.get_engine().url.database if db.get_engine().dialect.name == "sqlite" else None
    if path and not Path(path).is_file():
        return False  # connecting would create it
    with upgrade_lock(is_brief=True):  # a change of the key holds this lock until it is complete
        proof = _read_proof()
        if proof is not None:
            _verify_key(proof)
    return proof is not None


def list_encrypted_columns(model: type[Base]) -> list[str]:
    """The names of a model's columns that are encrypted with the secret key."""
    return [each.key for each in inspect(model).column_attrs if each.key.startswith(ENCRYPTED_PREFIX)]


def register() -> None:
    """Start checking that no session writes values encrypted with a wrong key; a second call does nothing."""
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
    if key != config.secret_key:  # changed since this process read it
        state.use_secret_key(key)
        current_app.config["SECRET_KEY"] = key


def _recover_key_file(data: Path, proof: str) -> str:
    """The key in the key file, after finishing or undoing an interrupted change."""
    current_key, next_key = key_file.read_or_create(data), key_file.read_next(data)
    if _can_decrypt(current_key, proof):
        key_file.delete_next(data)
    elif next_key and _can_decrypt(next_key, proof):
        key_file.activate_next(data, clock.now())
        log.warning("an interrupted change of the secret key was completed")
        return next_key
    return current_key


def _can_decrypt(key: str, proof: str) -> bool:
    try:
        Vault(key).decrypt(proof)
    except WrongSecretKey:
        return False
    return True


def _before_flush(session: Session, _flush: object, _things: object) -> None:
    """Before encrypted values are written, check the key, which may have been changed since this process read it."""
    if _has_encrypted_changes(chain(session.new, session.dirty)):
        # A change of the key locks this row first.
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
