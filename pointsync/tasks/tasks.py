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
from pointsync.models import Work, WorkState

FILES = "files"
MAX_TITLE = 191
MOST_OPEN = 20
"""Works that wait or run at the same time; who asks for more is told to wait."""
KEPT = timedelta(days=7)
MOST_KEPT = 200
STRAY = timedelta(days=1)
"""How old a folder is that no work names before it is deleted: a younger one may be of a work just being asked for."""


def folder(data: Path, work_id: int) -> Path:
    """Where a work's files lie, for the site's own account alone."""
    return data / FILES / str(work_id)


def ask(
    session: Session,
    data: Path,
    *,
    kind: str,
    title: str,
    unit: str,
    asked_by: str,
    now: datetime,
    options: dict[str, Any] | None = None,
    total: int | None = None,
) -> Work:
    """A new work of `kind`, which begins within a second or so of the commit; its folder, mode 700, is there, empty.

    What it reads may be put into the folder within the same transaction. Raises Conflict `too_many` where 20
    are not finished, `no_room` where the folder cannot be made.
    """
    if (session.scalar(select(func.count()).select_from(Work).where(Work.finished_at.is_(None))) or 0) >= MOST_OPEN:
        raise Conflict(
            "too_many", f"{MOST_OPEN} works wait or run already; wait until one of them is done, or stop one."
        )
    work = Work(kind=kind, title=title[:MAX_TITLE], unit=unit, asked_by=asked_by[:191], asked_at=now)
    work.options, work.total = options or {}, total
    session.add(work)
    session.flush()
    place = folder(data, work.id)
    try:
        place.parent.mkdir(mode=0o700, exist_ok=True)
        # A database that was restored counts again from an earlier number: what lies there is of no work it knows.
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
    except OSError as error:
        raise Conflict("no_room", f"Nothing can be written in {place.parent}: {error.strerror}.") from error
    return work


def get(session: Session, work_id: int) -> Work:
    """The work as it stands now. Raises NotFound `unknown_work`."""
    work = session.get(Work, work_id, populate_existing=True)
    if work is None:
        raise NotFound("unknown_work", f"There is no work {work_id} here; finished ones are kept for 7 days.")
    return work


def last(session: Session, most: int = 50) -> Sequence[Work]:
    """The works that were asked for last, the newest first."""
    return session.scalars(select(Work).order_by(Work.id.desc()).limit(most)).all()


def unfinished(session: Session) -> Sequence[Work]:
    """The works that wait or run, in the order in which they are begun."""
    return session.scalars(select(Work).where(Work.finished_at.is_(None)).order_by(Work.id)).all()


def stop(session: Session, work_id: int, by: str, now: datetime) -> Work:
    """Let it end after the part that is under way; one that has not begun ends now, and one that has ended stays so.

    Raises NotFound `unknown_work`.
    """
    work = session.get(Work, work_id, with_for_update=True, populate_existing=True)
    if work is None:
        raise NotFound("unknown_work", f"There is no work {work_id} here; finished ones are kept for 7 days.")
    if work.state in (WorkState.WAITING, WorkState.RUNNING):
        work.message = f"Stopped by {by}."[:500]
        is_begun = work.state == WorkState.RUNNING
        work.state = WorkState.STOPPING if is_begun else WorkState.STOPPED
        work.finished_at = None if is_begun else now
        session.flush()
    return work


def made(data: Path, work: Work) -> Path | None:
    """The file that a work has made to be fetched; None where it made none, or it is gone."""
    name = work.result.get("file")
    if work.finished_at is None or not name or Path(name).name != name:
        return None
    path = folder(data, work.id) / name
    return path if path.is_file() else None


def prune(session: Session, now: datetime) -> None:
    """Forget works that ended 7 days ago, and all but the last 200 of those that ended."""
    session.execute(delete(Work).where(Work.finished_at <= now - KEPT))
    ended = select(Work.id).where(Work.finished_at.is_not(None)).order_by(Work.id.desc())
    if newest := session.scalar(ended.offset(MOST_KEPT).limit(1)):
        session.execute(delete(Work).where(Work.finished_at.is_not(None), Work.id <= newest))


def prune_files(session: Session, data: Path, now: datetime) -> None:
    """Delete the folders that no work names any more, where this process sees them."""
    known = {str(work_id) for work_id in session.scalars(select(Work.id))}
    with suppress(OSError):  # on a machine that has none of them
        for place in (data / FILES).iterdir():
            if place.name not in known and place.stat().st_mtime < (now - STRAY).timestamp():
                shutil.rmtree(place, ignore_errors=True)
