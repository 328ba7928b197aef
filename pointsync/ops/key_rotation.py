"""The secret key changed: what it encrypts in the database is encrypted with another one, while the site is stopped.

A key that PointSync has made is changed in three steps: the next one is written beside it, the database is encrypted
with that in one transaction, and it takes the other's place. After a kill between two of them `secret_key.settle`
finishes, or undoes, whatever runs next. A key that an admin keeps is changed by them: this only does the second step,
and until then nothing starts.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

from sqlalchemy import delete, inspect, select, update
from sqlalchemy.orm import Session

from pointsync import key_file
from pointsync.crypto import Vault, WrongSecretKey
from pointsync.db import Base, run_in_transaction, upgrade_lock
from pointsync.errors import Conflict
from pointsync.ledger import audit_recorder
from pointsync.ledger.audit_recorder import AUDITED_MODELS
from pointsync.models import SignIn, Site
from pointsync.ops import in_use
from pointsync.runtime import get_runtime
from pointsync.web import secret_key
from pointsync.web.secret_key import KeyNotRotated

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReencryptionResult:
    """What was encrypted anew: how many texts; and of what the key before did not open one, so that it stayed."""

    count: int
    undecryptable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RotationResult:
    """What came of it: nothing where the database was under the key that is set already."""

    reencrypted: ReencryptionResult | None
    old_key_path: Path | None
    """Where the key before lies now, if PointSync had made it."""


def rotate(now: datetime) -> RotationResult:
    """Encrypt the database's secrets with another key, and sign everybody out.

    With POINTSYNC_SECRET_KEY_OLD, from that to the key that is set; else to a fresh one, where PointSync has made the
    present one. Raises Conflict where there is no site, where it runs, or where the key is set and the one before is
    not; ConfigError where the key is wrong. Nothing has changed then.
    """
    state = get_runtime()
    old_key = state.config.secret_key_old
    try:
        if not secret_key.verify_key():
            raise Conflict("no_site", "The database holds no site yet, so there is nothing to encrypt anew.")
    except KeyNotRotated:
        return RotationResult(_reencrypt_from_old_key(str(old_key)), None)
    if old_key is not None:
        return RotationResult(None, None)
    if state.config.secret_key_is_set:
        raise Conflict(
            "key_is_set",
            "POINTSYNC_SECRET_KEY is yours: set it to a new key, and POINTSYNC_SECRET_KEY_OLD to the present one; then "
            "run this again.",
        )
    return _rotate_generated_key(now)


def reencrypt(session: Session, old: Vault, new: Vault) -> ReencryptionResult:
    """Encrypt with `new` all that was encrypted with `old`, and sign everybody out: one transaction.

    What `old` does not open stays as it is. Raises WrongSecret where that is the site's own private key.
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
    in_use.close_connections()  # the last that leaves empties SQLite's log, too
    log.info("the secret key was changed; %s texts are encrypted with another one", result.count)
    return result


def _reencrypt_model(session: Session, model: type[Base], old: Vault, new: Vault) -> ReencryptionResult:
    names = secret_key.list_encrypted_columns(model)
    if not names:
        return ReencryptionResult(0, ())
    table, [key] = model.__table__, inspect(model).primary_key
    count = 0
    undecryptable = []
    # By statement, past the audit log: it would tell of a Pass that was changed, and none was.
    for row in session.execute(select(table)).mappings().all():
        values: dict[str, str] = {}
        for name in names:
            try:
                values |= {name: new.encrypt(old.decrypt(row[name]))} if row[name] else {}
            except WrongSecretKey:
                undecryptable.append(f"{AUDITED_MODELS[model].noun} {row[AUDITED_MODELS[model].name_column]}")
        if values:
            session.execute(update(model).where(key == row[key.name]).values(values))
            count += len(values)
    return ReencryptionResult(count, tuple(undecryptable))
