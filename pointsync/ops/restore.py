"""A restore: a backup put in the database's place, which stays beside it; what comes back sends nothing at first."""

import logging
import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.exc import SQLAlchemyError

from pointsync import key_file, sqlite_file
from pointsync.config import Config
from pointsync.crypto import Vault
from pointsync.db import Busy, db, knows, upgrade_lock, write
from pointsync.errors import ConfigError, Conflict
from pointsync.files import PARTIAL, sync, whole_file
from pointsync.ops import archive, in_use, pg_tools
from pointsync.ops.archive import POSTGRESQL, SQLITE, Archive, BadBackup
from pointsync.ops.backup import Say, database_file, own_secret
from pointsync.runtime import runtime
from pointsync.web import secret_key

log = logging.getLogger(__name__)

HOLD = "UPDATE site SET hold = coalesce(hold, :reason)"
SIGN_OUT = "DELETE FROM sign_in"
"""Whoever has signed out since would be signed in again."""
ASK_AGAIN = "UPDATE remote SET checked_at = NULL"
"""What each remote holds of this site is asked at once, so that the admin's word covers all ids that were lost."""
LOGS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside its file; of another database it would be taken for this one's."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it: what was restored, where what was there before lies now, and why nothing is sent."""

    archive: Archive
    kept: tuple[Path, ...]
    secret_came: bool
    is_under_old: bool
    """Whether it is encrypted with POINTSYNC_SECRET_KEY_OLD, so that nothing starts before that is changed."""
    hold: str


def put_back(path: Path, now: datetime, say: Say) -> Restored:
    """Put the database of a backup in the place of this site's, which is kept beside it under a name with the time.

    Raises BadBackup for a file that is no backup, damaged or of a newer version; Conflict where the site runs, where
    this place has another secret, or where a PostgreSQL database is not empty; OSError where nothing can be written.
    Nothing has changed then.
    """
    with suppress(ConfigError, SQLAlchemyError):  # of a database that is damaged or another's, perhaps why this is done
        secret_key.settle()
    in_use.let_go()
    config = runtime().config
    given = archive.read(path)
    if not knows(given.about.schema):
        raise BadBackup(f"was made by a newer PointSync ({given.about.version}); install that one, then restore it")
    kind = SQLITE if config.is_sqlite else POSTGRESQL
    if given.about.database != kind:
        raise Conflict(
            "other_database",
            f"This backup is of a database on {given.about.database}, and this site's is on {kind}: set "
            "POINTSYNC_DATABASE_URL to one of that kind.",
        )
    secret = _secret_to_write(config, given)
    hold = f"The database was restored from the backup of {given.about.made_at}."
    if config.is_sqlite:
        kept = _restore_file(config, given, secret, hold, now, say)
    else:
        kept = _restore_dump(config, given, secret, hold, now, say)
    kept += _keep_next(config, now)
    log.info("a backup was restored: %s", path, extra={"file": str(path)})
    is_under_old = secret is None and not given.is_opened_by(runtime().vault)
    return Restored(given, kept, secret is not None, is_under_old, hold)


def _secret_to_write(config: Config, given: Archive) -> str | None:
    """The secret that has to come with the database; None where this place has it. Raises Conflict."""
    vaults = [runtime().vault, *([Vault(config.secret_key_old)] if config.secret_key_old else [])]
    if any(given.is_opened_by(vault) for vault in vaults):
        return None
    if given.secret is None or not given.is_opened_by(Vault(given.secret)):
        raise Conflict(
            "other_secret",
            "POINTSYNC_SECRET_KEY is not the one this backup's database was made with, and the backup does not hold "
            f"that: give it back, by the setting or as the file {config.data / archive.SECRET}; or, if the key was "
            "changed since, as POINTSYNC_SECRET_KEY_OLD.",
        )
    if own_secret(config) is None:
        raise Conflict(
            "other_secret",
            "POINTSYNC_SECRET_KEY is set, and to another one than this backup's database was made with: take the "
            "setting away, and the secret in the backup is used; or, if the key was changed since, set the one before "
            "as POINTSYNC_SECRET_KEY_OLD.",
        )
    return given.secret


def _restore_file(
    config: Config, given: Archive, secret: str | None, hold: str, now: datetime, say: Say
) -> tuple[Path, ...]:
    place = database_file(config)
    with upgrade_lock(), tempfile.TemporaryDirectory(prefix=".", suffix=PARTIAL, dir=place.parent) as folder:
        in_use.refuse_open(place)
        fresh = Path(folder) / archive.DATABASE
        given.take_out(fresh, lambda done, total: say("unpacked", done, total))
        if sqlite_file.fault(fresh):
            raise BadBackup("is damaged; take another backup")
        with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
            connection.execute(HOLD, {"reason": hold})
            connection.execute(SIGN_OUT)
            connection.execute(ASK_AGAIN)
        fresh.chmod(0o600)
        sync(fresh)
        in_use.refuse_open(place)
        kept = _keep_aside(place, now)
        kept += _write_secret(config, secret, now)
        os.replace(fresh, place)
        sync(place.parent)
    return kept


def _keep_aside(place: Path, now: datetime) -> tuple[Path, ...]:
    """Give what is there another name as well: at no moment is there no database, for a new one would be made."""
    if not place.exists():
        return ()
    aside = _free(place, now)
    for end in LOGS:
        with suppress(FileNotFoundError):
            os.rename(f"{place}{end}", f"{aside}{end}")
    os.link(place, aside)
    return (aside,)


def _write_secret(config: Config, secret: str | None, now: datetime) -> tuple[Path, ...]:
    """The secret of the backup, in the place of this one's, which is kept for the database that it belongs to."""
    if secret is None:
        return ()
    place = config.data / archive.SECRET
    aside = _free(place, now)
    os.link(place, aside)
    with whole_file(place) as file:
        file.write(secret)
    return (aside,)


def _keep_next(config: Config, now: datetime) -> tuple[Path, ...]:
    """Left where a change of the key was cut short and the database could not be asked: it may open what was there."""
    following = config.data / key_file.NEXT
    if not following.exists():
        return ()
    aside = _free(following, now)
    os.rename(following, aside)
    return (aside,)


def _free(place: Path, now: datetime) -> Path:
    """A name beside `place` that says when it was put aside, and is not taken."""
    name = place.with_name(f"{place.name}.before-restore-{now.strftime(sqlite_file.MOMENT)}")
    taken = 1
    while name.exists():
        taken += 1
        name = place.with_name(f"{place.name}.before-restore-{now.strftime(sqlite_file.MOMENT)}-{taken}")
    return name


def _restore_dump(
    config: Config, given: Archive, secret: str | None, hold: str, now: datetime, say: Say
) -> tuple[Path, ...]:
    """Into an empty database alone: so the present one stays beside it by itself."""
    if inspect(db.engine).get_table_names():
        raise Conflict(
            "not_empty",
            "A backup is restored into an empty PostgreSQL database: make a new one with createdb, and name it in "
            "POINTSYNC_DATABASE_URL. The present one stays as it is.",
        )
    with tempfile.TemporaryDirectory(prefix=".", suffix=PARTIAL, dir=config.data) as folder:
        fresh = Path(folder) / archive.DATABASE
        given.take_out(fresh, lambda done, total: say("unpacked", done, total))
        pg_tools.restore(config.database_url, fresh)
    try:
        with write() as session:
            session.execute(text(HOLD), {"reason": hold})
            session.execute(text(SIGN_OUT))
            session.execute(text(ASK_AGAIN))
    except Busy as error:
        raise Conflict("busy", "The database went away amid the restore; restore into another empty one.") from error
    return _write_secret(config, secret, now)
