"""Rotation of the secret key: encrypt the database's secrets with a new key, while the site is stopped.

A generated key is replaced in three steps: write the new key next to the old one, encrypt the database with it in one
transaction, and activate it. After a kill between two steps, `secret_key.verify_key` finishes or undoes the rotation at
the next start. A key in POINTSYNC_SECRET_KEY is changed by the operator: then this does only the second step, and the
site does not start before that.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import cast

from sqlalchemy import Table, delete, inspect, select, update
from sqlalchemy.orm import Session

from pointsync import key_file
from pointsync.crypto import Vault, WrongSecretKey
from pointsync.db import Base, run_in_transaction, upgrade_lock
from pointsync.errors import Conflict
from pointsync.ledger import audit_recorder
from pointsync.ledger.audit_specs import AUDITED_MODELS
from pointsync.models import SignIn, Site
from pointsync.ops import in_use
from pointsync.runtime import get_runtime
from pointsync.web import secret_key
from pointsync.web.secret_key import KeyNotRotated

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReencryptionResult:
    """How many texts were encrypted again, and the rows with a text that the old key could not decrypt."""

    count: int
    undecryptable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RotationResult:
    """The result of a rotation. Both fields are None if the database already used the current key."""

    reencrypted: ReencryptionResult | None
    old_key_path: Path | None
    """Where the old key is kept, if PointSync had generated it."""


def rotate(now: datetime) -> RotationResult:
    """Encrypt the database's secrets with another key, and end all sign-ins.

    With POINTSYNC_SECRET_KEY_OLD, change from that key to the current one. Otherwise generate a new key to replace a
    generated one. Raises Conflict if there is no site, if it is running, or if POINTSYNC_SECRET_KEY is set without
    POINTSYNC_SECRET_KEY_OLD; ConfigError if the key is wrong. Nothing has changed then.
    """
    state = get_runtime()
    old_key = state.config.secret_key_old
    try:
        if not secret_key.verify_key():
            raise Conflict("no_site", "The database contains no site yet, so there is nothing to encrypt.")
    except KeyNotRotated:
        return RotationResult(_reencrypt_from_old_key(str(old_key)), None)
    if old_key is not None:
        return RotationResult(None, None)
    if state.config.secret_key_is_set:
        raise Conflict(
            "key_is_set",
            "You have set POINTSYNC_SECRET_KEY. Set it to a new key and POINTSYNC_SECRET_KEY_OLD to the current one, "
            "then run this command again.",
        )
    return _rotate_generated_key(now)


def reencrypt(session: Session, old: Vault, new: Vault) -> ReencryptionResult:
    """Encrypt all secrets with `new` instead of `old`, and end all sign-ins, in the transaction of `session`.

    Texts that `old` cannot decrypt stay as they are. Raises WrongSecretKey if one of them is the site's private key.
    """
    proof = session.scalar(select(Site.sealed_private_key).with_for_update())
    if proof is None:
        raise WrongSecretKey
    old.decrypt(proof)
    parts = [_reencrypt_model(session, mapper.class_, old, new) for mapper in Base.registry.mappers]
    session.execute(delete(SignIn))
    audit_recorder.log_action(session, "rotated", "secret key")
    return ReencryptionResult(
        sum(each.count for each in parts), tuple(chain.from_iterable(each.undecryptable for each in parts))
    )


def _reencrypt_from_old_key(old_key: str) -> ReencryptionResult:
    state = get_runtime()
    with upgrade_lock():
        in_use.refuse_if_in_use()
        return _reencrypt_database(Vault(old_key), state.vault)


def _rotate_generated_key(now: datetime) -> RotationResult:
    state = get_runtime()
    with upgrade_lock():
        in_use.refuse_if_in_use()
        new_key = key_file.write_next(state.config.data)
        reencrypted = _reencrypt_database(state.vault, Vault(new_key))
        old_key_path = key_file.activate_next(state.config.data, now)
    secret_key.verify_key()
    return RotationResult(reencrypted, old_key_path)


def _reencrypt_database(old: Vault, new: Vault) -> ReencryptionResult:
    result = run_in_transaction(lambda session: reencrypt(session, old, new))
    in_use.close_connections()  # closing the last connection also empties SQLite's log
    log.info("the secret key was changed; %s texts were encrypted again", result.count)
    return result


def _reencrypt_model(session: Session, model: type[Base], old: Vault, new: Vault) -> ReencryptionResult:
    names = secret_key.list_encrypted_columns(model)
    if not names:
        return ReencryptionResult(0, ())
    table, [key] = cast(Table, model.__table__), inspect(model).primary_key
    count = 0
    undecryptable = []
    # Direct UPDATE statements are not audited: the log would say that a Pass has changed, but none has.
    for row in session.execute(select(table)).mappings().all():
        values: dict[str, str] = {}
        for name in names:
            try:
                values |= {name: new.encrypt(old.decrypt(row[name]))} if row[name] else {}
            except WrongSecretKey:
                spec = AUDITED_MODELS.get(model)
                noun, name_column = (spec.noun, spec.name_column) if spec else (table.name.replace("_", " "), key.name)
                undecryptable.append(f"{noun} {row[name_column]}")
        if values:
            session.execute(update(model).where(key == row[key.name]).values(values))
            count += len(values)
    return ReencryptionResult(count, tuple(undecryptable))
