"""Writing to the database, in transactions that hold the write lock from their first statement."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from flask import current_app, g
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from pointsync.db.commit_signal import notify_committed
from pointsync.db.committed import forget_rolled_back, note_committed
from pointsync.db.engine import LOCK_TIMEOUT_SECONDS, WRITE_LOCK_KEY, extension, get_engine
from pointsync.db.fair_lock import FairLock
from pointsync.db.file_check import DatabaseFile, get_database_file
from pointsync.db.read_only import READ_ONLY_SQLSTATE

MAX_TRIES = 5
TRANSIENT_MESSAGES = ("locked", "busy", "full", "disk I/O", "unable to open", "readonly")
ACTOR_KEY = "actor"
"""The key of the actor in `flask.g` and in a write session's `info`."""

Result = TypeVar("Result")


class DatabaseBusy(Exception):
    """The database is locked or not reachable; the same call may succeed if it is repeated."""


class DatabaseFileGone(DatabaseBusy):
    """The SQLite file was deleted or replaced while this process had it open; what was written counts as lost."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something: the name, how they were identified, and the address of the call."""

    name: str
    auth_method: str
    address: str


class WriteSession(Session):
    """A session for writing; the audit log listens to it."""


event.listen(WriteSession, "after_soft_rollback", forget_rolled_back)


def set_actor(actor: Actor) -> None:
    """Set the actor of all later changes in this request or command."""
    setattr(g, ACTOR_KEY, actor)


@contextmanager
def transaction() -> Iterator[Session]:
    """A transaction for writing: committed at the end of the block, rolled back on an exception.

    On SQLite it holds the write lock from the start, so what it reads is always current. Afterwards, `db.session`
    reads everything again, because it would not see the changes otherwise. Raises DatabaseBusy if the database is
    locked or not reachable; then nothing has changed. Raises DatabaseFileGone, also after the commit, if the file is no
    longer there: nothing may be acknowledged that is only in a deleted file.
    """
    _end_reading()
    engine, file = get_engine(), get_database_file()
    _require_file(file)
    lock: FairLock | None = current_app.extensions[WRITE_LOCK_KEY] if engine.dialect.name == "sqlite" else None
    if lock and not lock.acquire(LOCK_TIMEOUT_SECONDS):
        raise DatabaseBusy("the database is locked by another writer")
    try:
        with (
            WriteSession(
                engine.execution_options(writes=True), expire_on_commit=False, info={ACTOR_KEY: g.get(ACTOR_KEY)}
            ) as session,
            session.begin(),
        ):
            yield session
        note_committed(session)
        notify_committed(session)
        _require_file(file)
    except DBAPIError as error:
        if is_transient(error):
            raise DatabaseBusy("the database is locked, full or not reachable") from error
        raise
    finally:
        if lock:
            lock.release()
        _end_reading()


def _end_reading() -> None:
    """End the transaction of `db.session`, whose connection may have ended while this process was stopped."""
    try:
        extension.session.rollback()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        extension.session.rollback()  # the first one has given up the connection


def _require_file(file: DatabaseFile | None) -> None:
    if problem := file.find_problem() if file else None:
        raise DatabaseFileGone(problem)


def is_transient(error: DBAPIError) -> bool:
    """Whether a database error is temporary, and not caused by the statement.

    SQLite raises the same class for a missing column and for a locked file, so this looks at its message.
    """
    if error.connection_invalidated or getattr(error.orig, "sqlstate", None) == READ_ONLY_SQLSTATE:
        return True
    if not isinstance(error, OperationalError):
        return False
    return not isinstance(error.orig, sqlite3.Error) or any(word in str(error.orig) for word in TRANSIENT_MESSAGES)


def run_in_transaction(operation: Callable[[Session], Result]) -> Result:
    """Run `operation` in a transaction and return its result; on a conflict with another transaction, run it again.

    On PostgreSQL, two transactions may create the same customer or `ref` at once. The unique index refuses the
    second one, which finds the existing row when it runs again.
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
    """Whether PostgreSQL cancelled this transaction in favour of another one (SQLSTATE 40P01, 40001)."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in ("40P01", "40001")
