"""`pointsync export` as a process: a signal, a closed pipe; and a background export when the site stops."""

import csv
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.exports import export_task
from pointsync.ledger.record import Draft, record
from pointsync.models import Task
from pointsync.runtime import get_runtime
from pointsync.sync.site import general
from pointsync.tasks import tasks
from tests.cli.command_batch import run_commands
from tests.support.apps import create_application, create_site, open_context
from tests.support.bulk_rows import insert_rows
from tests.support.paths import CHECKOUT
from tests.support.process import SiteProcess, wait_until

MOVEMENTS = 60_000
"""Enough that the test can act before the export ends, and more than fits into a pipe."""
SECONDS = 30
HEADER = b"customer,reserve,points,kind,"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    """A site with many movements, and some around midnight in Tokyo."""
    folder = tmp_path_factory.mktemp("large")
    with open_context(_create_site(folder)):
        db.upgrade()
        create_site()
        with db.transaction() as session:
            insert_rows(session, customers=100)
            insert_rows(session, movements=MOVEMENTS)
            general.set_time_zone(session, "Asia/Tokyo")
            days = [datetime(2020, 1, 2, 14, 59, 59, tzinfo=UTC), datetime(2020, 1, 2, 15, tzinfo=UTC)]
            record(session, [Draft("zoe@shop.example", at.second + 1, at=at) for at in days], "test", clock.now())
    site = SiteProcess(folder)
    yield site
    site.kill()


def _create_site(folder: Path) -> Flask:
    return create_application(f"sqlite:///{folder}/pointsync.db", folder)


def start_export(site: SiteProcess, *args: str) -> subprocess.Popen[bytes]:
    """Start an export and read its first line. It cannot end before the rest is read."""
    process = subprocess.Popen(
        [*site.command, "export", "movements", *args],
        cwd=CHECKOUT,
        env=site.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdout.readline().startswith(HEADER)
    return process


def test_a_closed_pipe_is_not_an_error(large: SiteProcess) -> None:
    process = start_export(large)
    assert process.stdout
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err) == (1, b"")


def test_a_signal_stops_it_and_it_says_how_far_it_came(large: SiteProcess) -> None:
    process = start_export(large)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert err.decode().startswith("Error: Stopped after ")
    assert out.count(b"\n") < MOVEMENTS
    assert out.endswith(b"\n")


def test_days_are_those_of_the_sites_zone(large: SiteProcess) -> None:
    bounds = {("2020-01-02", "2020-01-02"): ["60"], ("2020-01-03", "2020-01-03"): ["1"], ("2020-01-01",) * 2: []}
    commands = [("export", "movements", "--from", first, "--to", last) for first, last in bounds]
    for points, done in zip(bounds.values(), run_commands(large, commands), strict=True):
        assert [line["points"] for line in csv.DictReader(done.out.splitlines())] == points


def test_an_export_interrupted_by_a_shutdown_continues_at_the_next_start(large: SiteProcess) -> None:
    app = _create_site(large.data_dir)

    def get_task(task_id: int) -> Task:
        with db.transaction() as session:
            return tasks.get(session, task_id)

    with open_context(app), large:
        export_filter = export_task.Filter("movements")
        data = get_runtime().config.data
        task_id = db.run_in_transaction(
            lambda session: export_task.enqueue(session, data, export_filter, "Ada", clock.now())
        ).id
        wait_until(lambda: get_task(task_id).state == "running", SECONDS, "the export to run")
        assert large.terminate() == 0
        interrupted = get_task(task_id)
        assert (interrupted.state, interrupted.tries, interrupted.finished_at) == ("waiting", 0, None)
        assert list(tasks.folder_path(data, task_id).iterdir()) == []
        large.start()
        wait_until(lambda: get_task(task_id).finished_at, SECONDS, "the export is done")
        done = get_task(task_id)
        assert (done.state, done.done) == ("done", MOVEMENTS + 2)
        result_file = tasks.get_result_file(data, done)
        assert result_file
        assert result_file.read_bytes().count(b"\n") == MOVEMENTS + 3
