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
from pointsync.crypto import Vault, WrongSecret
from pointsync.db import Base, in_write, upgrade_lock
from pointsync.errors import Conflict
from pointsync.ledger import audit_recorder
from pointsync.ledger.audit_recorder import AUDITED
from pointsync.models import SignIn, Site
from pointsync.ops import in_use
from pointsync.runtime import runtime
from pointsync.web import secret_key
from pointsync.web.secret_key import StillOld

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was encrypted anew: how many texts; and of what the key before did not open one, so that it stayed."""

    count: int
    unopened: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rotated:
    """What came of it: nothing where the database was under the key that is set already."""

    sealed: Sealed | None
    kept: Path | None
    """Where the key before lies now, if PointSync had made it."""


def rotate(now: datetime) -> Rotated:
    """Encrypt the database's secrets with another key, and sign everybody out.

    With POINTSYNC_SECRET_KEY_OLD, from that to the key that is set; else to a fresh one, where PointSync has made the
    present one. Raises Conflict where there is no site, where it runs, or where the key is set and the one before is
    not; ConfigError where the key is wrong. Nothing has changed then.
    """
    here = runtime()
    old = here.config.secret_key_old
    try:
        if not secret_key.settle():
            raise Conflict("no_site", "The database holds no site yet, so there is nothing to encrypt anew.")
    except StillOld:
        return Rotated(_from(str(old)), None)
    if old is not None:
        return Rotated(None, None)
    if here.config.secret_key_is_set:
        raise Conflict(
            "key_is_set",
            "POINTSYNC_SECRET_KEY is yours: set it to a new key, and POINTSYNC_SECRET_KEY_OLD to the present one; then "
            "run this again.",
        )
    return _to_a_fresh_one(now)


def seal_anew(session: Session, old: Vault, new: Vault) -> Sealed:
    """Encrypt with `new` all that was encrypted with `old`, and sign everybody out: one transaction.

    What `old` does not open stays as it is. Raises WrongSecret where that is the site's own private key.
    """
    proof = session.scalar(select(Site.sealed_private_key).with_for_update())
    if proof is None:
        raise WrongSecret
    old.open(proof)
    parts = [_seal_model(session, mapper.class_, old, new) for mapper in Base.registry.mappers]
    session.execute(delete(SignIn))
    audit_recorder.note(session, "rotated", "secret key")
    return Sealed(sum(each.count for each in parts), tuple(chain.from_iterable(each.unopened for each in parts)))


def _from(old: str) -> Sealed:
    here = runtime()
    with upgrade_lock():
        in_use.refuse()
        return _seal(Vault(old), here.vault)


def _to_a_fresh_one(now: datetime) -> Rotated:
    here = runtime()
    with upgrade_lock():
        in_use.refuse()
        fresh = key_file.write_next(here.config.data)
        sealed = _seal(here.vault, Vault(fresh))
        kept = key_file.take_next(here.config.data, now)
    secret_key.settle()
    return Rotated(sealed, kept)


def _seal(old: Vault, new: Vault) -> Sealed:
    sealed = in_write(lambda session: seal_anew(session, old, new))
    in_use.let_go()  # the last that leaves empties SQLite's log, too
    log.info("the secret key was changed; %s texts are encrypted with another one", sealed.count)
    return sealed


def _seal_model(session: Session, model: type[Base], old: Vault, new: Vault) -> Sealed:
    names = secret_key.sealed_columns(model)
    if not names:
        return Sealed(0, ())
    table, [key] = model.__table__, inspect(model).primary_key
    count = 0
    unopened = []
    # By statement, past the audit log: it would tell of a Pass that was changed, and none was.
    for row in session.execute(select(table)).mappings().all():
        values: dict[str, str] = {}
        for name in names:
            try:
                values |= {name: new.seal(old.open(row[name]))} if row[name] else {}
            except WrongSecret:
                unopened.append(f"{AUDITED[model].noun} {row[AUDITED[model].name]}")
        if values:
            session.execute(update(model).where(key == row[key.name]).values(values))
            count += len(values)
    return Sealed(count, tuple(unopened))
