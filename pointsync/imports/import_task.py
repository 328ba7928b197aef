"""Imports as background tasks: a dry run first, and the import after an admin has seen the result of the dry run.

The task's folder holds the file as `INPUT_FILE`. The dry run writes all faults there as `FAULTS_FILE`.
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
from pointsync.files import give_to_folder_owner
from pointsync.imports.dry_run import ImportTally
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
    """Enqueue the dry run of a file. Moves `file` to the task's folder; `name` is its name for people.

    Raises what `tasks.enqueue` raises.
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
    """Enqueue the import of the file of a dry run, with the options of the dry run.

    Raises NotFound, Conflict if the dry run is not done or its file is gone, and what `tasks.enqueue` raises.
    """
    dry_run = tasks.get(session, dry_run_id)
    if dry_run.kind != DRY_RUN_KIND:
        raise NotFound("unknown_work", f"Task {dry_run_id} is not the dry run of an import.")
    file = tasks.folder_path(data_dir, dry_run.id) / INPUT_FILE
    if dry_run.state != TaskState.DONE:
        raise Conflict("not_checked", "The dry run is not done. Wait until it is, or start a new one.")
    if not file.is_file():
        raise Conflict("file_gone", "The file is gone. Choose it again.")
    name, options = dry_run.options["name"], dry_run.options["asked"] | {"good_lines": only_good_lines}
    task = tasks.enqueue(
        session,
        data_dir,
        kind=IMPORT_KIND,
        title=f"Import of {name}",
        unit="lines",
        asked_by=admin_name,
        now=now,
        options={"asked": options, "name": name},
    )
    _link_or_copy(file, tasks.folder_path(data_dir, task.id) / INPUT_FILE)
    return task


def run_dry_run(context: TaskContext) -> Iterator[None]:
    """Run a task of kind `DRY_RUN_KIND`: check every line, and record nothing."""
    file_import = _open_import(context)
    with _scratch_deleted(context):
        context.total = file_import.line_count
        with closing(file_import.check(context.folder / FAULTS_FILE)) as parts:  # type: ignore[type-var]
            for _ in parts:
                context.done, context.total = file_import.report.done, file_import.line_count
                yield
    context.result = _build_result(file_import)
    if file_import.report.tally.faulty:
        context.result |= {"file": FAULTS_FILE, "file_is": "all errors"}


def run_import(context: TaskContext) -> Iterator[None]:
    """Run a task of kind `IMPORT_KIND`: check every line again, then record the new ones.

    A process that resumes the task checks all lines again and skips those that are recorded. Tally and sums in the
    result are those of the first process.
    """
    file_import, previous = _open_import(context), dict(context.position or {})
    report = file_import.report

    def record_part(write: Callable[[Session], int]) -> int:
        def write_and_save_position(session: Session) -> int:
            count = write(session)
            position = {"tally": asdict(report.tally), "sums": report.sums}
            position |= previous | {"recorded": previous.get("recorded", 0) + report.recorded + count}
            context.save_position(session, position, done=_done(file_import))
            return count

        count = run_in_transaction(write_and_save_position)
        get_runtime().wake_couriers()
        return count

    try:
        with _scratch_deleted(context), closing(file_import.record(record_part)) as parts:  # type: ignore[type-var]
            for _ in parts:
                context.done, context.total = _done(file_import), file_import.line_count
                yield
    finally:
        if previous:
            report.recorded += previous["recorded"]
            report.tally, report.sums = ImportTally(**previous["tally"]), previous["sums"]
        context.result = _build_result(file_import)


def _done(file_import: Import) -> int:
    """How far an import is, in lines: each line is checked in the first half, and recorded in the second."""
    is_recording = bool(file_import.report.sums)
    return (file_import.line_count * is_recording + file_import.report.done) // 2


@contextmanager
def _scratch_deleted(context: TaskContext) -> Iterator[None]:
    """Delete the scratch file at the end."""
    try:
        yield
    finally:
        (context.folder / SCRATCH_FILE).unlink(missing_ok=True)


def _open_import(context: TaskContext) -> Import:
    options = ImportOptions(**context.options["asked"])
    return Import(context.folder / INPUT_FILE, options, context.folder / SCRATCH_FILE, clock.now())


def _build_result(file_import: Import) -> dict[str, Any]:
    return asdict(file_import.report) | {"said": build_messages(file_import.report)}


def _link_or_copy(old: Path, new: Path) -> None:
    """Link the file into the new folder, or copy it if the file system has no links."""
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)
        give_to_folder_owner(new, new.parent)
