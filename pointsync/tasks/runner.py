"""Doing long work: one at a time in each process that runs jobs, part by part, so that nothing else is held up.

A kind of work is a function of a `Task`, named in `work_kinds.KINDS`, that yields after each bounded part:

    def count_sheep(task: Task) -> Iterator[None]:
        after = (task.position or {}).get("after", 0)              # None at the first beginning
        while found := read(db.session(), after, task.options):    # a short part: well below a second
            after = found[-1]
            in_write(lambda session: (write(session, found), task.keep(session, {"after": after}, done=after)))
            yield
        task.result = {"sheep": after}

- `task.done` and `task.total` are what the page shows; set them as they become known. They are stored about
  once a second.
- A part that writes keeps its position in the *same* transaction, by `task.keep`: so nothing is done twice, by
  whatever process the work goes on. It raises Lost where another worker has the work by now, which undoes the part.
  A kind that may begin again without harm needs no position.
- Between two parts the work may end: an admin stops it, the process ends. The function is closed then at its
  `yield`; whatever must go away, such as half a file, goes in a `finally`. What stands in `task.result` is kept
  whichever way it ends. `file` in it names a file in `task.folder` that admins may fetch, and `file_is` says what it
  is; `files.whole_file` writes one that is there only once it is whole.
- After each part what `db.session` has read is forgotten: keep ids and plain values, not rows.
- Errors: a Refused ends the work with its message, an OSError with what the system says. Busy tries it again from
  its last position. Any other is a fault of ours: it is logged, and the work has failed.
"""

import errno
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pointsync import clock, leases
from pointsync.db import Busy, database_now, db, in_write, is_passing
from pointsync.errors import Refused
from pointsync.files import PARTIAL
from pointsync.models import Work, WorkState
from pointsync.tasks.tasks import folder

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
NOTE_SECONDS = 1.0
GAP_SECONDS = 0.005
"""Between two parts: long enough for whoever waits to write, or to answer a shop."""
MOST_TRIES = 5
OURS = "It failed by a fault of PointSync; this site's log says what happened."
BROKE_OFF = (
    f"It was begun {MOST_TRIES} times and broke off each time: the database was busy, the disk full or the process "
    "killed. This site's log may say more; then ask for it again."
)


class Lost(Exception):
    """Another worker has the work by now, or it is gone: what this one was about to write is undone."""


@dataclass
class Task:
    """A work as its kind sees it."""

    id: int
    options: dict[str, Any]
    position: dict[str, Any] | None
    folder: Path
    asked_by: str
    asked_at: datetime
    worker_id: str
    done: int = 0
    total: int | None = None
    result: dict[str, Any] = field(default_factory=dict)

    def keep(self, session: Session, position: dict[str, Any], *, done: int) -> None:
        """Keep how far it has come together with what the part has written. Raises Lost."""
        work = _held(session, self)
        work.position, work.done, work.tries = position, done, 0
        session.flush()
        self.position, self.done = position, done


Kind = Callable[[Task], Iterator[None]]


def do_next(kinds: Mapping[str, Kind], data: Path, worker_id: str, ending: Event) -> bool:
    """Do the work that comes next: the oldest that waits, or that was begun by a worker that lives no more.

    Whether there was one. It ends early, to be gone on with by any worker, once `ending` is set. Raises Busy where
    the database is; the work is begun again at the next call then, at most 5 times in a row.
    """
    waiting = db.session.scalar(select(Work.id).where(Work.finished_at.is_(None)).limit(1))
    if waiting is None or ending.is_set():
        return False
    task, kind = in_write(lambda session: _take(session, kinds, data, worker_id)) or (None, "")
    if task is None:
        return False
    for place in task.folder.glob(f".*{PARTIAL}"):  # of a process that was killed amid writing it
        place.unlink(missing_ok=True)
    try:
        state, message = _do(task, kinds[kind], ending)
    except Lost:
        log.warning("work %s is done by another worker now", task.id)
        return True
    except DBAPIError as error:
        if is_passing(error):
            raise Busy("the database is locked or away") from error
        log.exception("work %s failed", task.id)
        state, message = WorkState.FAILED, OURS
    with suppress(Lost):
        in_write(lambda session: _end(session, task, state, message))
    return True


def _take(session: Session, kinds: Mapping[str, Kind], data: Path, worker_id: str) -> tuple[Task, str] | None:
    """Take the first that may be had; on the way, what cannot go on is ended."""
    query = select(Work).where(Work.finished_at.is_(None), Work.kind.in_(list(kinds))).order_by(Work.id)
    now = clock.now()
    for work in session.scalars(query.with_for_update(skip_locked=True)).all():
        place = folder(data, work.id)
        if not leases.is_free(session, work.holder, work.held_until, worker_id) or not place.is_dir():
            continue
        if work.state == WorkState.STOPPING:
            _finish(work, WorkState.STOPPED, work.message, now)
        elif work.tries >= MOST_TRIES:
            _finish(work, WorkState.FAILED, BROKE_OFF, now)
        else:
            work.state, work.tries = WorkState.RUNNING, work.tries + 1
            work.started_at = work.started_at or now
            work.holder, work.held_until = worker_id, database_now(session) + LEASE
            session.flush()
            return _task(work, place, worker_id), work.kind
    session.flush()
    return None


def _task(work: Work, place: Path, worker_id: str) -> Task:
    done = work.done if work.position is not None else 0
    return Task(work.id, work.options, work.position, place, work.asked_by, work.asked_at, worker_id, done, work.total)


def _do(task: Task, kind: Kind, ending: Event) -> tuple[WorkState, str | None]:
    """How it ended, and why; `waiting` where it is to be gone on with. Raises Lost, Busy, DBAPIError."""
    parts = kind(task)
    try:
        return _go(task, parts, ending), None
    except Refused as error:
        return WorkState.FAILED, error.message
    except (Lost, Busy, DBAPIError):
        raise
    except OSError as error:
        log.warning("work %s failed: %s", task.id, error)
        return WorkState.FAILED, _words(error)
    except Exception:
        log.exception("work %s failed", task.id)
        return WorkState.FAILED, OURS
    finally:
        with suppress(OSError):  # of a file that could not be written, and is not closed without saying so again
            getattr(parts, "close", lambda: None)()
        db.session.rollback()


def _go(task: Task, parts: Iterator[None], ending: Event) -> WorkState:
    begun_at = noted_at = time.monotonic()
    first = task.done
    for _ in parts:
        db.session.rollback()
        if ending.wait(GAP_SECONDS):
            return WorkState.WAITING
        if time.monotonic() - noted_at < NOTE_SECONDS:
            continue
        noted_at = time.monotonic()
        if _note(task, _ends_at(task, first, noted_at - begun_at)):
            return WorkState.STOPPED
    return WorkState.DONE


def _ends_at(task: Task, first: int, seconds: float) -> datetime | None:
    """About when it will be done, if it goes on as it went since this process began."""
    gone = task.done - first
    if task.total is None or gone <= 0 or task.total <= task.done:
        return None
    left = timedelta(seconds=min(seconds / gone * (task.total - task.done), timedelta(days=365).total_seconds()))
    return clock.now() + left


def _note(task: Task, ends_at: datetime | None) -> bool:
    """Store how far it has come, and hold it further; whether it is to stop. Raises Lost."""

    def write(session: Session) -> bool:
        work = _held(session, task)
        work.done, work.total, work.ends_at = task.done, task.total, ends_at
        work.held_until = database_now(session) + LEASE
        session.flush()
        return work.state == WorkState.STOPPING

    try:
        return in_write(write)
    except Busy:
        log.warning("work %s: the database is busy; its progress is stored a little later", task.id)
        return False


def _end(session: Session, task: Task, state: WorkState, message: str | None) -> None:
    """What came of it. One that was asked to stop while it came to its end by itself is done all the same."""
    work = _held(session, task)
    work.done, work.total, work.result = task.done, task.total, task.result
    work.holder = work.held_until = work.ends_at = None
    if state == WorkState.WAITING:  # this process ends: no try has failed, and an admin's stop is not forgotten
        work.tries = max(work.tries - 1, 0)
        work.state = WorkState.WAITING if work.state == WorkState.RUNNING else work.state
        session.flush()
        return
    kept = work.message if state == WorkState.STOPPED else None
    _finish(work, state, message or kept, clock.now())
    session.flush()


def _finish(work: Work, state: WorkState, message: str | None, now: datetime) -> None:
    work.state, work.message, work.finished_at = state, (message or "")[:500] or None, now
    work.holder = work.held_until = work.ends_at = None


def _held(session: Session, task: Task) -> Work:
    """The work, locked. Raises Lost where `task` is not what is at it any more."""
    work = session.get(Work, task.id, with_for_update=True, populate_existing=True)
    if work is None or work.holder != task.worker_id or work.finished_at is not None:
        raise Lost
    return work


def _words(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk of this site's server is full: make room there, and ask for it again."
    return f"A file could not be read or written on this site's server: {error.strerror or error}. Ask its admin."
