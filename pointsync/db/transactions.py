"""Writing: a transaction of its own that has the write lock from its first statement."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from flask import current_app, g
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from pointsync.db.engine import LOCK_TIMEOUT_SECONDS, WRITE_LOCK_KEY, extension, get_engine
from pointsync.db.fair_lock import FairLock

MAX_TRIES = 5
TRANSIENT_MESSAGES = ("locked", "busy", "full", "disk I/O", "unable to open")
ACTOR_KEY = "actor"
"""Where `acts` and a writing session's `info` keep who acts."""

Result = TypeVar("Result")


class DatabaseBusy(Exception):
    """The database is held by another writer, or away; the same call may succeed in a moment."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something: their name, how they are known here, and the address that they call from."""

    name: str
    auth_method: str
    address: str


class WriteSession(Session):
    """A session that writes; the audit log listens to it."""


def set_actor(actor: Actor) -> None:
    """From here on, in this request or command, it is `actor` who changes things."""
    setattr(g, ACTOR_KEY, actor)


@contextmanager
def transaction() -> Iterator[Session]:
    """A transaction that will write: committed at the end of the block, rolled back by any error.

    On SQLite it holds the write lock from the start, so that nothing read in it can be out of date.
    What `session` has read is read anew when next asked for: its snapshot would hide what was written.
    Raises Busy when the database is locked or away; what the block did is undone then.
    """
    extension.session.rollback()
    engine = get_engine()
    lock: FairLock | None = current_app.extensions[WRITE_LOCK_KEY] if engine.dialect.name == "sqlite" else None
    if lock and not lock.acquire(LOCK_TIMEOUT_SECONDS):
        raise DatabaseBusy("the database is held by another writer")
    try:
        with (
            WriteSession(
                engine.execution_options(writes=True), expire_on_commit=False, info={ACTOR_KEY: g.get(ACTOR_KEY)}
            ) as session,
            session.begin(),
        ):
            yield session
    except DBAPIError as error:
        if is_transient(error):
            raise DatabaseBusy("the database is locked, full or away") from error
        raise
    finally:
        if lock:
            lock.release()
        extension.session.rollback()


def is_transient(error: DBAPIError) -> bool:
    """Whether a database error speaks of the moment and not of the statement.

    SQLite calls a missing column by the same name as a locked file, so its words decide there.
    """
    if error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError):
        return False
    return not isinstance(error.orig, sqlite3.Error) or any(word in str(error.orig) for word in TRANSIENT_MESSAGES)


def run_in_transaction(operation: Callable[[Session], Result]) -> Result:
    """What `work` returns, run in a transaction of its own, and run again when another one came first.

    On PostgreSQL two transactions can make the same customer or the same `ref` at once; the unique
    index refuses the later one, which then finds what the first has made.
    """
    for retries_left in reversed(range(MAX_TRIES)):
        try:
            with transaction() as session:
                return operation(session)
        except IntegrityError:
            if not retries_left:
                raise
        except DatabaseBusy as error:
            if not retries_left or not _is_deadlock(error.__cause__):
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def _is_deadlock(error: BaseException | None) -> bool:
    """Whether PostgreSQL ended this transaction so that another could go on (SQLSTATE 40P01, 40001)."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in ("40P01", "40001")
