"""Long work in the background: asked for, looked at, stopped, pruned. `work_run` does it and tells how to add a kind.

Each work has a folder of its own in `POINTSYNC_DATA`, for what it reads and what it makes. A worker that does
not see the folder leaves the work alone: processes on several machines share the folder of the data.
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
from pointsync.models import Task, TaskState

FOLDER_NAME = "files"
MAX_TITLE = 191
MAX_UNFINISHED = 20
"""Works that wait or run at the same time; who asks for more is told to wait."""
RETENTION = timedelta(days=7)
MAX_FINISHED_KEPT = 200
ORPHAN_AGE = timedelta(days=1)
"""How old a folder is that no work names before it is deleted: a younger one may be of a work just being asked for."""


def folder_path(data_dir: Path, task_id: int) -> Path:
    """Where a work's files lie, for the site's own account alone."""
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
    """A new work of `kind`, which begins within a second or so of the commit; its folder, mode 700, is there, empty.

    What it reads may be put into the folder within the same transaction. Raises Conflict `too_many` where 20
    are not finished, `no_room` where the folder cannot be made.
    """
    if (
        session.scalar(select(func.count()).select_from(Task).where(Task.finished_at.is_(None))) or 0
    ) >= MAX_UNFINISHED:
        raise Conflict(
            "too_many", f"{MAX_UNFINISHED} works wait or run already; wait until one of them is done, or stop one."
        )
    task = Task(kind=kind, title=title[:MAX_TITLE], unit=unit, asked_by=asked_by[:191], asked_at=now)
    task.options, task.total = options or {}, total
    session.add(task)
    session.flush()
    path = folder_path(data_dir, task.id)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        # A database that was restored counts again from an earlier number: what lies there is of no work it knows.
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
    except OSError as error:
        raise Conflict("no_room", f"Nothing can be written in {path.parent}: {error.strerror}.") from error
    return task


def get(session: Session, task_id: int) -> Task:
    """The work as it stands now. Raises NotFound `unknown_work`."""
    task = session.get(Task, task_id, populate_existing=True)
    if task is None:
        raise NotFound("unknown_work", f"There is no work {task_id} here; finished ones are kept for 7 days.")
    return task


def list_recent(session: Session, limit: int = 50) -> Sequence[Task]:
    """The works that were asked for last, the newest first."""
    return session.scalars(select(Task).order_by(Task.id.desc()).limit(limit)).all()


def list_unfinished(session: Session) -> Sequence[Task]:
    """The works that wait or run, in the order in which they are begun."""
    return session.scalars(select(Task).where(Task.finished_at.is_(None)).order_by(Task.id)).all()


def stop(session: Session, task_id: int, admin_name: str, now: datetime) -> Task:
    """Let it end after the part that is under way; one that has not begun ends now, and one that has ended stays so.

    Raises NotFound `unknown_work`.
    """
    task = session.get(Task, task_id, with_for_update=True, populate_existing=True)
    if task is None:
        raise NotFound("unknown_work", f"There is no work {task_id} here; finished ones are kept for 7 days.")
    if task.state in (TaskState.WAITING, TaskState.RUNNING):
        task.message = f"Stopped by {admin_name}."[:500]
        is_running = task.state == TaskState.RUNNING
        task.state = TaskState.STOPPING if is_running else TaskState.STOPPED
        task.finished_at = None if is_running else now
        session.flush()
    return task


def get_result_file(data_dir: Path, task: Task) -> Path | None:
    """The file that a work has made to be fetched; None where it made none, or it is gone."""
    name = task.result.get("file")
    if task.finished_at is None or not name or Path(name).name != name:
        return None
    path = folder_path(data_dir, task.id) / name
    return path if path.is_file() else None


def prune(session: Session, now: datetime) -> None:
    """Forget works that ended 7 days ago, and all but the last 200 of those that ended."""
    session.execute(delete(Task).where(Task.finished_at <= now - RETENTION))
    finished_ids = select(Task.id).where(Task.finished_at.is_not(None)).order_by(Task.id.desc())
    if newest_to_delete := session.scalar(finished_ids.offset(MAX_FINISHED_KEPT).limit(1)):
        session.execute(delete(Task).where(Task.finished_at.is_not(None), Task.id <= newest_to_delete))


def prune_files(session: Session, data_dir: Path, now: datetime) -> None:
    """Delete the folders that no work names any more, where this process sees them."""
    task_ids = {str(task_id) for task_id in session.scalars(select(Task.id))}
    with suppress(OSError):  # on a machine that has none of them
        for path in (data_dir / FOLDER_NAME).iterdir():
            if path.name not in task_ids and path.stat().st_mtime < (now - ORPHAN_AGE).timestamp():
                shutil.rmtree(path, ignore_errors=True)
