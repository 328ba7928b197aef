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
from pointsync.db import run_in_transaction
from pointsync.errors import Conflict, NotFound
from pointsync.imports.messages import build_messages
from pointsync.imports.run import Import, ImportOptions
from pointsync.models import Task, TaskState
from pointsync.runtime import get_runtime
from pointsync.tasks import tasks
from pointsync.tasks.runner import TaskContext

DRY_RUN_KIND, IMPORT_KIND = "import_check", "import_points"
INPUT_FILE, FAULTS_FILE, SCRATCH_FILE = "given.csv", "faults.csv", "scratch.db"
MAX_NAME_CHARS = 100


def enqueue_dry_run(
    session: Session, data_dir: Path, file: Path, name: str, options: ImportOptions, admin_name: str, now: datetime
) -> Task:
    """Have `file`, which the admin calls `name`, looked at; it is moved into the work's folder.

    Raises what `work.ask` does.
    """
    task = tasks.enqueue(
        session,
        data_dir,
        kind=DRY_RUN_KIND,
        title=f"Dry run of {name[:MAX_NAME_CHARS]}",
        unit="lines",
        asked_by=admin_name,
        now=now,
        options={"asked": asdict(options), "name": name[:MAX_NAME_CHARS]},
    )
    os.replace(file, tasks.folder_path(data_dir, task.id) / INPUT_FILE)
    return task


def enqueue_import(
    session: Session, data_dir: Path, dry_run_id: int, only_good_lines: bool, admin_name: str, now: datetime
) -> Task:
    """Have the file recorded that the work `check_id` has looked at, as it was looked at.

    Raises NotFound where there is no such work, Conflict where it has not come to its end or its file is gone, and
    what `work.ask` does.
    """
    dry_run = tasks.get(session, dry_run_id)
    if dry_run.kind != DRY_RUN_KIND:
        raise NotFound("unknown_work", f"The work {dry_run_id} is no dry run of a file.")
    file = tasks.folder_path(data_dir, dry_run.id) / INPUT_FILE
    if dry_run.state != TaskState.DONE:
        raise Conflict("not_checked", "The dry run has not come to its end; wait for it, or begin anew.")
    if not file.is_file():
        raise Conflict("file_gone", "The file is not here any more; give it once more.")
    name, options = dry_run.options["name"], dry_run.options["asked"] | {"good_lines": only_good_lines}
    task = tasks.enqueue(
        session,
        data_dir,
        kind=IMPORT_KIND,
        title=f"Import of {name}",
        unit="lines checked or recorded",
        asked_by=admin_name,
        now=now,
        options={"asked": options, "name": name},
    )
    _link_or_copy(file, tasks.folder_path(data_dir, task.id) / INPUT_FILE)
    return task


def run_dry_run(context: TaskContext) -> Iterator[None]:
    """The kind `CHECK`: every line is looked at, and nothing is recorded."""
    file_import = _open_import(context)
    with _scratch_deleted(context):
        context.total = file_import.line_count
        with closing(file_import.check(context.folder / FAULTS_FILE)) as parts:  # type: ignore[type-var]
            for _ in parts:
                context.done, context.total = file_import.report.done, file_import.line_count
                yield
    context.result = _build_result(file_import)
    if file_import.report.tally["faulty"]:
        context.result |= {"file": FAULTS_FILE, "file_is": "all faults"}


def run_import(context: TaskContext) -> Iterator[None]:
    """The kind `RECORD`: every line is looked at once more, then recorded.

    Begun again by another process it looks at all lines again, and passes over those that are recorded; what it tells
    at last is that of the first time.
    """
    file_import, previous = _open_import(context), dict(context.position or {})
    report = file_import.report

    def record_part(write: Callable[[Session], int]) -> int:
        def write_and_save_position(session: Session) -> int:
            count = write(session)
            first = {"tally": previous.get("tally", report.tally), "sums": previous.get("sums", report.sums)}
            recorded = previous.get("recorded", 0) + report.recorded + count
            context.save_position(session, first | {"recorded": recorded}, done=file_import.line_count + report.done)
            return count

        count = run_in_transaction(write_and_save_position)
        get_runtime().wake_couriers()
        return count

    try:
        with _scratch_deleted(context), closing(file_import.record(record_part)) as parts:  # type: ignore[type-var]
            for _ in parts:
                is_recording = bool(report.sums)
                context.done = (file_import.line_count if is_recording else 0) + report.done
                context.total = 2 * file_import.line_count
                yield
    finally:
        report.recorded += previous.get("recorded", 0)
        report.tally, report.sums = previous.get("tally", report.tally), previous.get("sums", report.sums)
        context.result = _build_result(file_import)


@contextmanager
def _scratch_deleted(context: TaskContext) -> Iterator[None]:
    """What is remembered over the file is deleted at the end, however it comes."""
    try:
        yield
    finally:
        (context.folder / SCRATCH_FILE).unlink(missing_ok=True)


def _open_import(context: TaskContext) -> Import:
    options = ImportOptions(**context.options["asked"])
    return Import(context.folder / INPUT_FILE, options, context.folder / SCRATCH_FILE, clock.now())


def _build_result(file_import: Import) -> dict[str, Any]:
    return file_import.report.to_json() | {"said": build_messages(file_import.report)}


def _link_or_copy(old: Path, new: Path) -> None:
    """The file in both folders, without a copy where the file system can."""
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)
