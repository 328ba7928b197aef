"""Imports as long work: a file is looked at, and, once an admin has seen what it would do, recorded.

The file lies in the work's folder as `FILE`. The one that looks leaves the faults of all lines there as `FAULTS`.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.db import in_write
from pointsync.errors import Conflict, NotFound
from pointsync.imports.messages import sentences
from pointsync.imports.run import Asked, Import
from pointsync.models import Work, WorkState
from pointsync.runtime import runtime
from pointsync.tasks import tasks as works
from pointsync.tasks.runner import Task

CHECK, RECORD = "import_check", "import_points"
FILE, FAULTS, SCRATCH = "given.csv", "faults.csv", "scratch.db"
NAMED = 100


def ask_check(session: Session, data: Path, file: Path, name: str, asked: Asked, by: str, now: datetime) -> Work:
    """Have `file`, which the admin calls `name`, looked at; it is moved into the work's folder.

    Raises what `work.ask` does.
    """
    made = works.ask(
        session,
        data,
        kind=CHECK,
        title=f"Dry run of {name[:NAMED]}",
        unit="lines",
        asked_by=by,
        now=now,
        options={"asked": asdict(asked), "name": name[:NAMED]},
    )
    os.replace(file, works.folder(data, made.id) / FILE)
    return made


def ask_record(session: Session, data: Path, check_id: int, good_lines: bool, by: str, now: datetime) -> Work:
    """Have the file recorded that the work `check_id` has looked at, as it was looked at.

    Raises NotFound where there is no such work, Conflict where it has not come to its end or its file is gone, and
    what `work.ask` does.
    """
    check = works.get(session, check_id)
    if check.kind != CHECK:
        raise NotFound("unknown_work", f"The work {check_id} is no dry run of a file.")
    file = works.folder(data, check.id) / FILE
    if check.state != WorkState.DONE:
        raise Conflict("not_checked", "The dry run has not come to its end; wait for it, or begin anew.")
    if not file.is_file():
        raise Conflict("file_gone", "The file is not here any more; give it once more.")
    name, asked = check.options["name"], check.options["asked"] | {"good_lines": good_lines}
    made = works.ask(
        session,
        data,
        kind=RECORD,
        title=f"Import of {name}",
        unit="lines checked or recorded",
        asked_by=by,
        now=now,
        options={"asked": asked, "name": name},
    )
    _same_file(file, works.folder(data, made.id) / FILE)
    return made


def look(task: Task) -> Iterator[None]:
    """The kind `CHECK`: every line is looked at, and nothing is recorded."""
    given = _given(task)
    with _gone_afterwards(task):
        task.total = given.lines
        with closing(given.check(task.folder / FAULTS)) as parts:  # type: ignore[type-var]
            for _ in parts:
                task.done, task.total = given.report.done, given.lines
                yield
    task.result = _told(given)
    if given.report.tally["faulty"]:
        task.result |= {"file": FAULTS, "file_is": "all faults"}


def record(task: Task) -> Iterator[None]:
    """The kind `RECORD`: every line is looked at once more, then recorded.

    Begun again by another process it looks at all lines again, and passes over those that are recorded; what it tells
    at last is that of the first time.
    """
    given, before = _given(task), dict(task.position or {})
    report = given.report

    def write(part: Callable[[Session], int]) -> int:
        def whole(session: Session) -> int:
            count = part(session)
            first = {"tally": before.get("tally", report.tally), "sums": before.get("sums", report.sums)}
            recorded = before.get("recorded", 0) + report.recorded + count
            task.keep(session, first | {"recorded": recorded}, done=given.lines + report.done)
            return count

        count = in_write(whole)
        runtime().wake()
        return count

    try:
        with _gone_afterwards(task), closing(given.record(write)) as parts:  # type: ignore[type-var]
            for _ in parts:
                is_recording = bool(report.sums)
                task.done = (given.lines if is_recording else 0) + report.done
                task.total = 2 * given.lines
                yield
    finally:
        report.recorded += before.get("recorded", 0)
        report.tally, report.sums = before.get("tally", report.tally), before.get("sums", report.sums)
        task.result = _told(given)


@contextmanager
def _gone_afterwards(task: Task) -> Iterator[None]:
    """What is remembered over the file is deleted at the end, however it comes."""
    try:
        yield
    finally:
        (task.folder / SCRATCH).unlink(missing_ok=True)


def _given(task: Task) -> Import:
    asked = Asked(**task.options["asked"])
    return Import(task.folder / FILE, asked, task.folder / SCRATCH, clock.now())


def _told(given: Import) -> dict[str, Any]:
    return given.report.document | {"said": sentences(given.report)}


def _same_file(old: Path, new: Path) -> None:
    """The file in both folders, without a copy where the file system can."""
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)
