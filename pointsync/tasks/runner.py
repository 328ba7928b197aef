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

from pointsync import clock, db, leases
from pointsync.db import DatabaseBusy, get_database_time, is_transient, run_in_transaction
from pointsync.errors import DomainError
from pointsync.files import PARTIAL_SUFFIX
from pointsync.models import Task, TaskState
from pointsync.tasks.tasks import folder_path

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
PROGRESS_INTERVAL_SECONDS = 1.0
PAUSE_SECONDS = 0.005
"""Between two parts: long enough for whoever waits to write, or to answer a shop."""
MAX_TRIES = 5
INTERNAL_ERROR = "It failed by a fault of PointSync; this site's log says what happened."
TOO_MANY_TRIES = (
    f"It was begun {MAX_TRIES} times and broke off each time: the database was busy, the disk full or the process "
    "killed. This site's log may say more; then ask for it again."
)


class LeaseLost(Exception):
    """Another worker has the work by now, or it is gone: what this one was about to write is undone."""


@dataclass
class TaskContext:
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

    def save_position(self, session: Session, position: dict[str, Any], *, done: int) -> None:
        """Keep how far it has come together with what the part has written. Raises Lost."""
        task = _lock_leased(session, self)
        task.position, task.done, task.tries = position, done, 0
        session.flush()
        self.position, self.done = position, done


TaskFunction = Callable[[TaskContext], Iterator[None]]


def run_next(kinds: Mapping[str, TaskFunction], data_dir: Path, worker_id: str, shutdown_event: Event) -> bool:
    """Do the work that comes next: the oldest that waits, or that was begun by a worker that lives no more.

    Whether there was one. It ends early, to be gone on with by any worker, once `ending` is set. Raises Busy where
    the database is; the work is begun again at the next call then, at most 5 times in a row.
    """
    next_id = db.session.scalar(select(Task.id).where(Task.finished_at.is_(None)).limit(1))
    if next_id is None or shutdown_event.is_set():
        return False
    context, kind = run_in_transaction(lambda session: _claim(session, kinds, data_dir, worker_id)) or (None, "")
    if context is None:
        return False
    for partial_file in context.folder.glob(f".*{PARTIAL_SUFFIX}"):  # of a process that was killed amid writing it
        partial_file.unlink(missing_ok=True)
    try:
        state, message = _run(context, kinds[kind], shutdown_event)
    except LeaseLost:
        log.warning("work %s is done by another worker now", context.id)
        return True
    except DBAPIError as error:
        if is_transient(error):
            raise DatabaseBusy("the database is locked or away") from error
        log.exception("work %s failed", context.id)
        state, message = TaskState.FAILED, INTERNAL_ERROR
    with suppress(LeaseLost):
        run_in_transaction(lambda session: _save_outcome(session, context, state, message))
    return True


def _claim(
    session: Session, kinds: Mapping[str, TaskFunction], data_dir: Path, worker_id: str
) -> tuple[TaskContext, str] | None:
    """Take the first that may be had; on the way, what cannot go on is ended."""
    query = select(Task).where(Task.finished_at.is_(None), Task.kind.in_(list(kinds))).order_by(Task.id)
    now = clock.now()
    for task in session.scalars(query.with_for_update(skip_locked=True)).all():
        task_folder = folder_path(data_dir, task.id)
        if not leases.is_available(session, task.holder, task.held_until, worker_id) or not task_folder.is_dir():
            continue
        if task.state == TaskState.STOPPING:
            _mark_finished(task, TaskState.STOPPED, task.message, now)
        elif task.tries >= MAX_TRIES:
            _mark_finished(task, TaskState.FAILED, TOO_MANY_TRIES, now)
        else:
            task.state, task.tries = TaskState.RUNNING, task.tries + 1
            task.started_at = task.started_at or now
            task.holder, task.held_until = worker_id, get_database_time(session) + LEASE
            session.flush()
            return _build_context(task, task_folder, worker_id), task.kind
    session.flush()
    return None


def _build_context(task: Task, task_folder: Path, worker_id: str) -> TaskContext:
    done = task.done if task.position is not None else 0
    return TaskContext(
        task.id, task.options, task.position, task_folder, task.asked_by, task.asked_at, worker_id, done, task.total
    )


def _run(context: TaskContext, kind: TaskFunction, shutdown_event: Event) -> tuple[TaskState, str | None]:
    """How it ended, and why; `waiting` where it is to be gone on with. Raises Lost, Busy, DBAPIError."""
    parts = kind(context)
    try:
        return _run_parts(context, parts, shutdown_event), None
    except DomainError as error:
        return TaskState.FAILED, error.message
    except (LeaseLost, DatabaseBusy, DBAPIError):
        raise
    except OSError as error:
        log.warning("work %s failed: %s", context.id, error)
        return TaskState.FAILED, _describe_os_error(error)
    except Exception:
        log.exception("work %s failed", context.id)
        return TaskState.FAILED, INTERNAL_ERROR
    finally:
        with suppress(OSError):  # of a file that could not be written, and is not closed without saying so again
            getattr(parts, "close", lambda: None)()
        db.session.rollback()


def _run_parts(context: TaskContext, parts: Iterator[None], shutdown_event: Event) -> TaskState:
    started_at = saved_at = time.monotonic()
    done_at_start = context.done
    for _ in parts:
        db.session.rollback()
        if shutdown_event.wait(PAUSE_SECONDS):
            return TaskState.WAITING
        if time.monotonic() - saved_at < PROGRESS_INTERVAL_SECONDS:
            continue
        saved_at = time.monotonic()
        if _save_progress(context, _estimate_end(context, done_at_start, saved_at - started_at)):
            return TaskState.STOPPED
    return TaskState.DONE


def _estimate_end(context: TaskContext, done_at_start: int, elapsed_seconds: float) -> datetime | None:
    """About when it will be done, if it goes on as it went since this process began."""
    done_since_start = context.done - done_at_start
    if context.total is None or done_since_start <= 0 or context.total <= context.done:
        return None
    remaining = timedelta(
        seconds=min(
            elapsed_seconds / done_since_start * (context.total - context.done), timedelta(days=365).total_seconds()
        )
    )
    return clock.now() + remaining


def _save_progress(context: TaskContext, ends_at: datetime | None) -> bool:
    """Store how far it has come, and hold it further; whether it is to stop. Raises Lost."""

    def save(session: Session) -> bool:
        task = _lock_leased(session, context)
        task.done, task.total, task.ends_at = context.done, context.total, ends_at
        task.held_until = get_database_time(session) + LEASE
        session.flush()
        return task.state == TaskState.STOPPING

    try:
        return run_in_transaction(save)
    except DatabaseBusy:
        log.warning("work %s: the database is busy; its progress is stored a little later", context.id)
        return False


def _save_outcome(session: Session, context: TaskContext, state: TaskState, message: str | None) -> None:
    """What came of it. One that was asked to stop while it came to its end by itself is done all the same."""
    task = _lock_leased(session, context)
    task.done, task.total, task.result = context.done, context.total, context.result
    task.holder = task.held_until = task.ends_at = None
    if state == TaskState.WAITING:  # this process ends: no try has failed, and an admin's stop is not forgotten
        task.tries = max(task.tries - 1, 0)
        task.state = TaskState.WAITING if task.state == TaskState.RUNNING else task.state
        session.flush()
        return
    stop_message = task.message if state == TaskState.STOPPED else None
    _mark_finished(task, state, message or stop_message, clock.now())
    session.flush()


def _mark_finished(task: Task, state: TaskState, message: str | None, now: datetime) -> None:
    task.state, task.message, task.finished_at = state, (message or "")[:500] or None, now
    task.holder = task.held_until = task.ends_at = None


def _lock_leased(session: Session, context: TaskContext) -> Task:
    """The work, locked. Raises Lost where `task` is not what is at it any more."""
    task = session.get(Task, context.id, with_for_update=True, populate_existing=True)
    if task is None or task.holder != context.worker_id or task.finished_at is not None:
        raise LeaseLost
    return task


def _describe_os_error(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk of this site's server is full: make room there, and ask for it again."
    return f"A file could not be read or written on this site's server: {error.strerror or error}. Ask its admin."
