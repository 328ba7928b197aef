"""Writing: a transaction of its own that has the write lock from its first statement."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from flask import current_app, g
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from pointsync.db.engine import BUSY_SECONDS, WRITE_LOCK, db
from pointsync.db.fair_lock import FairLock

TRIES = 5
PASSING_WORDS = ("locked", "busy", "full", "disk I/O", "unable to open")
ACTOR = "actor"
"""Where `acts` and a writing session's `info` keep who acts."""

Result = TypeVar("Result")


class Busy(Exception):
    """The database is held by another writer, or away; the same call may succeed in a moment."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something: their name, how they are known here, and the address that they call from."""

    name: str
    how: str
    address: str


class Writing(Session):
    """A session that writes; the audit log listens to it."""


def acts(actor: Actor) -> None:
    """From here on, in this request or command, it is `actor` who changes things."""
    setattr(g, ACTOR, actor)


@contextmanager
def write() -> Iterator[Session]:
    """A transaction that will write: committed at the end of the block, rolled back by any error.

    On SQLite it holds the write lock from the start, so that nothing read in it can be out of date.
    What `db.session` has read is read anew when next asked for: its snapshot would hide what was written.
    Raises Busy when the database is locked or away; what the block did is undone then.
    """
    db.session.rollback()
    engine = db.engine
    lock: FairLock | None = current_app.extensions[WRITE_LOCK] if engine.dialect.name == "sqlite" else None
    if lock and not lock.acquire(BUSY_SECONDS):
        raise Busy("the database is held by another writer")
    try:
        with (
            Writing(
                engine.execution_options(writes=True), expire_on_commit=False, info={ACTOR: g.get(ACTOR)}
            ) as session,
            session.begin(),
        ):
            yield session
    except DBAPIError as error:
        if is_passing(error):
            raise Busy("the database is locked, full or away") from error
        raise
    finally:
        if lock:
            lock.release()
        db.session.rollback()


def is_passing(error: DBAPIError) -> bool:
    """Whether a database error speaks of the moment and not of the statement.

    SQLite calls a missing column by the same name as a locked file, so its words decide there.
    """
    if error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError):
        return False
    return not isinstance(error.orig, sqlite3.Error) or any(word in str(error.orig) for word in PASSING_WORDS)


def in_write(work: Callable[[Session], Result]) -> Result:
    """What `work` returns, run in a transaction of its own, and run again when another one came first.

    On PostgreSQL two transactions can make the same customer or the same `ref` at once; the unique
    index refuses the later one, which then finds what the first has made.
    """
    for left in reversed(range(TRIES)):
        try:
            with write() as session:
                return work(session)
        except IntegrityError:
            if not left:
                raise
        except Busy as error:
            if not left or not _is_deadlock(error.__cause__):
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def _is_deadlock(error: BaseException | None) -> bool:
    """Whether PostgreSQL ended this transaction so that another could go on (SQLSTATE 40P01, 40001)."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in ("40P01", "40001")
