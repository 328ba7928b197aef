"""Export a million movements, by command and in the background of a running site: seconds and memory."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from pointsync import clock, db
from pointsync.exports import export_task
from pointsync.models import Task
from pointsync.runtime import get_runtime
from pointsync.tasks import tasks
from tests.bench.sizes import size
from tests.support import new_tables
from tests.support.apps import create_application, create_site, open_context
from tests.support.bulk_rows import insert_rows
from tests.support.process import SiteProcess, wait_until

SIZES = (size(10_000, quick=500), size(1_000_000, quick=1_000))
CUSTOMERS = size(10_000, quick=100)
LIMIT_MB = 200
PATIENCE_SECONDS = 600


def run() -> dict[str, Any]:
    """Seconds, lines per second and peak memory at each size. Marks more than 200 MB."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = SiteProcess(folder)
        shutil.copy(new_tables.sqlite_file(), folder / "pointsync.db")
        with open_context(create_application(f"sqlite:///{folder}/pointsync.db", folder)):
            create_site()
            existing_count = 0
            for size in SIZES:
                with db.transaction() as session:
                    insert_rows(
                        session, customers=CUSTOMERS if not existing_count else 0, movements=size - existing_count
                    )
                existing_count = size
                figures[f"{size:,} movements, by command"] = _format_row(
                    size, *_measure_command(site, folder / "all.csv")
                )
                figures[f"{size:,} movements, in a running site"] = _format_row(size, *_measure_background(site))
    return figures


def _format_row(lines: int, seconds: float, mb: float) -> str:
    fits = "" if mb < LIMIT_MB else f", more than {LIMIT_MB} MB"
    return f"{seconds:.1f} s, {lines / seconds:,.0f} lines a second, at most {mb:.0f} MB{fits}"


def _measure_command(site: SiteProcess, file: Path) -> tuple[float, float]:
    """Seconds, and the peak memory of the process in MB."""
    started_at = perf_counter()
    process = subprocess.Popen(
        [*site.command, "export", "movements", "--output", str(file)],
        env=site.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return perf_counter() - started_at, used.ru_maxrss / 1024


def _measure_background(site: SiteProcess) -> tuple[float, float]:
    """Seconds from the request, and the peak memory of the whole site in MB."""
    with site:
        started_at = perf_counter()
        task = db.run_in_transaction(
            lambda session: export_task.enqueue(
                session, get_runtime().config.data, export_task.Filter("movements"), "bench", clock.now()
            )
        )
        done = wait_until(lambda: _has_ended(task.id), PATIENCE_SECONDS, "the export is done")
        assert done.state == "done", done.message
        seconds = perf_counter() - started_at
        return seconds, site.most_mb()


def _has_ended(task_id: int) -> Task | None:
    db.session.rollback()
    task = tasks.get(db.session(), task_id)
    return task if task.finished_at else None
