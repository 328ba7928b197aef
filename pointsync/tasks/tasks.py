"""Background tasks: enqueue, read, stop and delete them. `runner` runs them and explains how to add a kind.

Each task has its own folder in `POINTSYNC_DATA` for the files that it reads and writes. A worker that does not see the
folder skips the task, so workers on other machines need the same data folder.
"""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from pointsync.errors import Conflict, NotFound
from pointsync.files import make_private_folder
from pointsync.models import Task, TaskState

FOLDER_NAME = "files"
MAX_TITLE = 191
MAX_UNFINISHED = 20
"""Tasks that may wait or run at the same time. More are refused."""
RETENTION = timedelta(days=7)
MAX_FINISHED_KEPT = 200
ORPHAN_AGE = timedelta(days=1)
"""A folder without a task is deleted at this age. A younger one may belong to a task that is being enqueued."""


def folder_path(data_dir: Path, task_id: int) -> Path:
    """The folder of a task. Only the site's own account may read it."""
    return data_dir / FOLDER_NAME / str(task_id)


def enqueue(
    session: Session,
    data_dir: Path,
    *,
    kind: str,
    title: str,
    unit: str,
    asked_by: str,
    now: datetime,
    options: dict[str, Any] | None = None,
    total: int | None = None,
) -> Task:
    """Create a task and its empty folder (mode 700). It starts about a second after the commit.

    Put its input files into the folder before the commit. Raises Conflict: `too_many` if `MAX_UNFINISHED` tasks are not
    finished, `no_room` if the folder cannot be created.
    """
    if (
        session.scalar(select(func.count()).select_from(Task).where(Task.finished_at.is_(None))) or 0
    ) >= MAX_UNFINISHED:
        raise Conflict(
            "too_many", f"{MAX_UNFINISHED} tasks are already waiting or running. Wait until one is done, or stop one."
        )
    task = Task(kind=kind, title=title[:MAX_TITLE], unit=unit, asked_by=asked_by[:191], asked_at=now)
    task.options, task.total = options or {}, total
    session.add(task)
    session.flush()
    path = folder_path(data_dir, task.id)
    try:
        make_private_folder(path.parent)
        # After a restore, ids are used again: a folder with this id belongs to a task that the database has forgotten.
        shutil.rmtree(path, ignore_errors=True)
        make_private_folder(path)
    except OSError as error:
        raise Conflict("no_room", f"PointSync cannot write to {path.parent}: {error.strerror}.") from error
    return task


def get(session: Session, task_id: int, *, for_update: bool = False) -> Task:
    """The current state of a task, locked if `for_update`. Raises NotFound `unknown_work`."""
    task = session.get(Task, task_id, with_for_update=for_update, populate_existing=True)
    if task is None:
        message = f"There is no task {task_id}. Finished tasks are kept for {RETENTION.days} days."
        raise NotFound("unknown_work", message)
    return task


def list_recent(session: Session, limit: int = 50) -> Sequence[Task]:
    """The newest tasks, newest first."""
    return session.scalars(select(Task).order_by(Task.id.desc()).limit(limit)).all()


def list_unfinished(session: Session) -> Sequence[Task]:
    """The tasks that wait or run, in the order in which they start."""
    return session.scalars(select(Task).where(Task.finished_at.is_(None)).order_by(Task.id)).all()


def stop(session: Session, task_id: int, admin_name: str, now: datetime) -> Task:
    """Stop a task: a running one after its current part, a waiting one now. A finished one does not change.

    Raises NotFound `unknown_work`.
    """
    task = get(session, task_id, for_update=True)
    if task.state in (TaskState.WAITING, TaskState.RUNNING):
        task.message = f"Stopped by {admin_name}."[:500]
        is_running = task.state == TaskState.RUNNING
        task.state = TaskState.STOPPING if is_running else TaskState.STOPPED
        task.finished_at = None if is_running else now
        session.flush()
    return task


def get_result_file(data_dir: Path, task: Task) -> Path | None:
    """The file that a finished task offers for download; None if there is none or it is gone."""
    name = task.result.get("file")
    if task.finished_at is None or not name or Path(name).name != name:
        return None
    path = folder_path(data_dir, task.id) / name
    return path if path.is_file() else None


def prune(session: Session, now: datetime) -> None:
    """Delete tasks that finished more than `RETENTION` ago, and all but the last `MAX_FINISHED_KEPT` finished ones."""
    session.execute(delete(Task).where(Task.finished_at <= now - RETENTION))
    finished_ids = select(Task.id).where(Task.finished_at.is_not(None)).order_by(Task.id.desc())
    if newest_to_delete := session.scalar(finished_ids.offset(MAX_FINISHED_KEPT).limit(1)):
        session.execute(delete(Task).where(Task.finished_at.is_not(None), Task.id <= newest_to_delete))


def prune_files(session: Session, data_dir: Path, now: datetime) -> None:
    """Delete folders of tasks that no longer exist."""
    task_ids = {str(task_id) for task_id in session.scalars(select(Task.id))}
    with suppress(OSError):  # another machine may not have the folder
        for path in (data_dir / FOLDER_NAME).iterdir():
            if path.name not in task_ids and path.stat().st_mtime < (now - ORPHAN_AGE).timestamp():
                shutil.rmtree(path, ignore_errors=True)
