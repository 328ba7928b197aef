"""Runs background tasks: one at a time in each process that runs jobs, in short parts.

A kind of task is a function in `schedule.task_kinds.TASK_FUNCTIONS` that yields after each part:

    def count_sheep(context: TaskContext) -> Iterator[None]:
        after = (context.position or {}).get("after", 0)            # None at the first start
        while sheep := read(db.session(), after, context.options):  # a part takes much less than a second
            after = sheep[-1]

            def save(session: Session) -> None:
                write(session, sheep)
                context.save_position(session, {"after": after}, done=after)

            run_in_transaction(save)
            yield
        context.result = {"sheep": after}

- The page shows `context.done` and `context.total`. Set them when you know them. They are stored once a second.
- A part that writes calls `context.save_position` in the *same* transaction, so that nothing is done twice if another
  process resumes the task. It raises LeaseLost if another worker has the task, which rolls the part back. A kind that
  can safely start again needs no position.
- The task may end between two parts, if an admin stops it or the process ends. The generator is then closed at its
  `yield`; clean up in a `finally`. `context.result` is stored in every case. `file` in it names a file in
  `context.folder` that admins may download, and `file_is` describes the file. Write it with `files.atomic_text_file`,
  so that it exists only when it is complete.
- After each part the session is rolled back: keep ids and plain values, not rows.
- Errors: a DomainError fails the task with its message, an OSError with the system's message. DatabaseBusy runs the
  task again from its last position. Any other exception is a bug: it is logged, and the task fails.
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
"""A pause between two parts, so that other threads and writers can run."""
MAX_TRIES = 5
INTERNAL_ERROR = "An error in PointSync stopped this task. The log of this site says what happened."
TOO_MANY_TRIES = (
    f"This task was started {MAX_TRIES} times and interrupted each time: the database was busy, the disk was full or "
    "the process was killed. The log of this site may say more. Then start the task again."
)


class LeaseLost(Exception):
    """Another worker has the task now, or it was deleted. The current transaction must be rolled back."""


@dataclass
class TaskContext:
    """A running task, as its function sees it."""

    id: int
    options: dict[str, Any]
    position: dict[str, Any] | None
    folder: Path
    asked_at: datetime
    worker_id: str
    done: int = 0
    total: int | None = None
    result: dict[str, Any] = field(default_factory=dict)

    def save_position(self, session: Session, position: dict[str, Any], *, done: int) -> None:
        """Save the position in the transaction in which the part writes. Raises LeaseLost."""
        task = _lock_leased(session, self)
        task.position, task.done, task.tries = position, done, 0
        session.flush()
        self.position, self.done = position, done


TaskFunction = Callable[[TaskContext], Iterator[None]]


def run_next(kinds: Mapping[str, TaskFunction], data_dir: Path, worker_id: str, shutdown_event: Event) -> bool:
    """Run the next task: the oldest that is waiting or that a dead worker has started. Return whether there was one.

    Once `shutdown_event` is set, the task is interrupted so that any worker can resume it. Raises DatabaseBusy; then
    the next call runs the task again, at most `MAX_TRIES` times in a row.
    """
    next_id = db.session.scalar(select(Task.id).where(Task.finished_at.is_(None)).limit(1))
    if next_id is None or shutdown_event.is_set():
        return False
    context, kind = run_in_transaction(lambda session: _claim(session, kinds, data_dir, worker_id)) or (None, "")
    if context is None:
        return False
    for partial_file in context.folder.glob(f".*{PARTIAL_SUFFIX}"):  # left by a killed process
        partial_file.unlink(missing_ok=True)
    try:
        state, message = _run(context, kinds[kind], shutdown_event)
    except LeaseLost:
        log.warning("task %s: another worker runs it now", context.id)
        return True
    except DBAPIError as error:
        if is_transient(error):
            raise DatabaseBusy("the database is locked or away") from error
        log.exception("task %s failed", context.id)
        state, message = TaskState.FAILED, INTERNAL_ERROR
    with suppress(LeaseLost):
        run_in_transaction(lambda session: _save_outcome(session, context, state, message))
    return True


def _claim(
    session: Session, kinds: Mapping[str, TaskFunction], data_dir: Path, worker_id: str
) -> tuple[TaskContext, str] | None:
    """Claim the first available task. Finishes tasks that must not run any more."""
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
    return TaskContext(task.id, task.options, task.position, task_folder, task.asked_at, worker_id, done, task.total)


def _run(context: TaskContext, kind: TaskFunction, shutdown_event: Event) -> tuple[TaskState, str | None]:
    """Run the task. Return its new state and a message; the state is `waiting` if it was interrupted.

    Raises LeaseLost, DatabaseBusy and DBAPIError.
    """
    parts = kind(context)
    try:
        return _run_parts(context, parts, shutdown_event), None
    except DomainError as error:
        return TaskState.FAILED, error.message
    except (LeaseLost, DatabaseBusy, DBAPIError):
        raise
    except OSError as error:
        log.warning("task %s failed: %s", context.id, error)
        return TaskState.FAILED, _describe_os_error(error)
    except Exception:
        log.exception("task %s failed", context.id)
        return TaskState.FAILED, INTERNAL_ERROR
    finally:
        with suppress(OSError):  # closing a file that could not be written fails again
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
    """Estimate when the task will be done, at its speed in this process."""
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
    """Store the progress and renew the lease. Return whether the task must stop. Raises LeaseLost."""

    def save(session: Session) -> bool:
        task = _lock_leased(session, context)
        task.done, task.total, task.ends_at = context.done, context.total, ends_at
        task.held_until = get_database_time(session) + LEASE
        session.flush()
        return task.state == TaskState.STOPPING

    try:
        return run_in_transaction(save)
    except DatabaseBusy:
        log.warning("task %s: the database is busy; the progress will be saved later", context.id)
        return False


def _save_outcome(session: Session, context: TaskContext, state: TaskState, message: str | None) -> None:
    """Save the outcome. A task that finished while an admin stopped it counts as done. Raises LeaseLost."""
    task = _lock_leased(session, context)
    task.done, task.total, task.result = context.done, context.total, context.result
    task.holder = task.held_until = task.ends_at = None
    if state == TaskState.WAITING:  # interrupted: this does not count as a try, and a stop by an admin stays
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
    """Lock and return the task. Raises LeaseLost if this worker no longer holds it."""
    task = session.get(Task, context.id, with_for_update=True, populate_existing=True)
    if task is None or task.holder != context.worker_id or task.finished_at is not None:
        raise LeaseLost
    return task


def _describe_os_error(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk of this site's server is full. Free some space, then start the task again."
    return f"A file could not be read or written on this site's server: {error.strerror or error}. Ask its operator."
