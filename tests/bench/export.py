"""Export of a million movements: seconds and memory, by command and in the background of a running site."""

import os
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from pointsync import clock, db
from pointsync.exports import export_task
from pointsync.models import Work
from pointsync.runtime import runtime
from pointsync.tasks import tasks
from tests.support.apps import application, opened, settle_in
from tests.support.bulk_rows import fill
from tests.support.process import SiteProcess, wait_until

SIZES = (10_000, 1_000_000)
CUSTOMERS = 10_000
LIMIT_MB = 200
PATIENCE_SECONDS = 600


def run() -> dict[str, Any]:
    """Seconds, lines a second and the most memory at each size; more than 200 MB is said to be too much."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = SiteProcess(folder)
        with opened(application(f"sqlite:///{folder}/pointsync.db", folder)):
            db.upgrade()
            settle_in()
            there = 0
            for size in SIZES:
                with db.write() as session:
                    fill(session, customers=CUSTOMERS if not there else 0, movements=size - there)
                there = size
                figures[f"{size:,} movements, by command"] = _told(size, *_command(site, folder / "all.csv"))
                figures[f"{size:,} movements, in a running site"] = _told(size, *_background(site))
    return figures


def _told(lines: int, seconds: float, mb: float) -> str:
    fits = "" if mb < LIMIT_MB else f", more than {LIMIT_MB} MB"
    return f"{seconds:.1f} s, {lines / seconds:,.0f} lines a second, at most {mb:.0f} MB{fits}"


def _command(site: SiteProcess, file: Path) -> tuple[float, float]:
    """Seconds, and the most memory of the process."""
    began = perf_counter()
    process = subprocess.Popen(
        [*site.command, "export", "movements", "--output", str(file)],
        env=site.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return perf_counter() - began, used.ru_maxrss / 1024


def _background(site: SiteProcess) -> tuple[float, float]:
    """Seconds from the asking, and the most memory of the whole site."""
    with site:
        began = perf_counter()
        asked = db.in_write(
            lambda session: export_task.ask(
                session, runtime().config.data, export_task.Wanted("movements"), "bench", clock.now()
            )
        )
        done = wait_until(lambda: _ended(asked.id), PATIENCE_SECONDS, "the export is done")
        assert done.state == "done", done.message
        seconds = perf_counter() - began
        return seconds, site.most_mb()


def _ended(work_id: int) -> Work | None:
    db.db.session.rollback()
    found = tasks.get(db.db.session(), work_id)
    return found if found.finished_at else None
