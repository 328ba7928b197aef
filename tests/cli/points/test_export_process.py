"""`pointsync export` as a process: stopped amid it, its reader gone; and an export of the panel while the site ends."""

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
from pointsync.models import Work
from pointsync.runtime import runtime
from pointsync.sync.site import general
from pointsync.tasks import tasks
from tests.cli.command_batch import run_many
from tests.support.apps import application, opened, settle_in
from tests.support.bulk_rows import fill
from tests.support.process import CHECKOUT, SiteProcess, wait_until

MOVEMENTS = 60_000
"""The export of as many takes longer than to see that it has begun, and fills a pipe many times."""
SECONDS = 30
HEADER = b"customer,reserve,points,kind,"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    """A site with many movements, and some around midnight in Tokyo."""
    folder = tmp_path_factory.mktemp("large")
    with opened(_site(folder)):
        db.upgrade()
        settle_in()
        with db.write() as session:
            fill(session, customers=100)
            fill(session, movements=MOVEMENTS)
            general.set_time_zone(session, "Asia/Tokyo")
            days = [datetime(2020, 1, 2, 14, 59, 59, tzinfo=UTC), datetime(2020, 1, 2, 15, tzinfo=UTC)]
            record(session, [Draft("zoe@shop.example", at.second + 1, at=at) for at in days], "test", clock.now())
    site = SiteProcess(folder)
    yield site
    site.kill()


def _site(folder: Path) -> Flask:
    return application(f"sqlite:///{folder}/pointsync.db", folder)


def begun(site: SiteProcess, *args: str) -> subprocess.Popen[bytes]:
    """An export whose first line was read; it cannot end before the rest is."""
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


def test_a_reader_that_leaves_is_no_fault(large: SiteProcess) -> None:
    process = begun(large)
    assert process.stdout
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, said) == (1, b"")


def test_a_signal_ends_it_and_says_how_far_it_was(large: SiteProcess) -> None:
    process = begun(large)
    process.send_signal(signal.SIGTERM)
    out, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert said.decode().startswith("Error: Stopped after ")
    assert out.count(b"\n") < MOVEMENTS
    assert out.endswith(b"\n")


def test_days_are_those_of_the_sites_zone(large: SiteProcess) -> None:
    bounds = {("2020-01-02", "2020-01-02"): ["60"], ("2020-01-03", "2020-01-03"): ["1"], ("2020-01-01",) * 2: []}
    commands = [("export", "movements", "--from", first, "--to", last) for first, last in bounds]
    for points, done in zip(bounds.values(), run_many(large, commands), strict=True):
        assert [line["points"] for line in csv.DictReader(done.out.splitlines())] == points


def test_the_site_ends_amid_an_export_and_goes_on_with_it_at_its_next_start(large: SiteProcess) -> None:
    app = _site(large.data_dir)

    def now_of(work_id: int) -> Work:
        with db.write() as session:
            return tasks.get(session, work_id)

    with opened(app), large:
        everything = export_task.Wanted("movements")
        data = runtime().config.data
        asked = db.in_write(lambda session: export_task.ask(session, data, everything, "Ada", clock.now())).id
        wait_until(lambda: now_of(asked).state == "running", SECONDS, "the export runs")
        assert large.terminate() == 0
        left = now_of(asked)
        assert (left.state, left.tries, left.finished_at) == ("waiting", 0, None)
        assert list(tasks.folder(data, asked).iterdir()) == []
        large.start()
        wait_until(lambda: now_of(asked).finished_at, SECONDS, "the export is done")
        done = now_of(asked)
        assert (done.state, done.done) == ("done", MOVEMENTS + 2)
        made = tasks.made(data, done)
        assert made
        assert made.read_bytes().count(b"\n") == MOVEMENTS + 3
