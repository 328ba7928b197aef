"""Imports as long work: stopped, killed and gone on with by another process, each line counts once."""

from pathlib import Path
from threading import Event

import pytest

from pointsync import db
from pointsync.db import Busy
from pointsync.imports import import_task
from pointsync.imports.run import Asked
from pointsync.models import Work
from pointsync.schedule.task_kinds import KINDS
from pointsync.tasks import runner, tasks
from tests.site.imports.test_import_runs import movements
from tests.support.moving_clock import START as NOW

LINES = 1200

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is stored after each part, and nobody waits."""
    monkeypatch.setattr(runner, "NOTE_SECONDS", 0.0)
    monkeypatch.setattr(runner, "GAP_SECONDS", 0.0)


@pytest.fixture
def checked(tmp_path: Path) -> int:
    """A file that was looked at."""
    file = tmp_path / "given"
    file.write_text("email,points\n" + "".join(f"c{n}@x.example,5\n" for n in range(LINES)))

    def ask(session) -> Work:
        return import_task.ask_check(session, tmp_path, file, "my.csv", Asked(), "Ada", NOW)

    work_id = db.in_write(ask).id
    assert run(tmp_path)
    return work_id


def run(data: Path, worker: str = "w", ending: Event | None = None) -> bool:
    """Do what comes next."""
    return runner.do_next(KINDS, data, worker, ending or Event())


def now_of(work_id: int) -> Work:
    """The work as the database has it."""
    with db.write() as session:
        return tasks.get(session, work_id)


def recording(data: Path, check_id: int) -> int:
    """The work that records it, asked for."""
    return db.in_write(lambda session: import_task.ask_record(session, data, check_id, False, "Ada", NOW)).id


def test_looked_at_and_recorded(checked: int, tmp_path: Path) -> None:
    looked = now_of(checked)
    assert (looked.state, looked.done, looked.total) == ("done", LINES, LINES)
    assert (looked.result["tally"]["new"], movements()) == (LINES, [])
    again = recording(tmp_path, checked)
    assert run(tmp_path)
    done = now_of(again)
    assert (done.state, done.done, done.total, done.result["recorded"]) == ("done", 2 * LINES, 2 * LINES, LINES)
    assert len(movements()) == LINES
    assert sorted(path.name for path in tasks.folder(tmp_path, again).iterdir()) == [import_task.FILE]


def test_begun_again_by_another_process_it_tells_the_same(
    checked: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_id = recording(tmp_path, checked)
    take, taken = import_task.in_write, []

    def breaks_off(part):
        if len(taken) == 1:
            raise Busy("away")
        taken.append(take(part))
        return taken[-1]

    monkeypatch.setattr(import_task, "in_write", breaks_off)
    with pytest.raises(Busy):
        run(tmp_path)
    assert len(movements()) == 500
    monkeypatch.setattr(import_task, "in_write", take)
    assert run(tmp_path)
    done = now_of(work_id)
    assert (done.state, done.result["recorded"], len(movements())) == ("done", LINES, LINES)
    assert done.result["tally"]["new"] == LINES
    assert done.result["sums"] == [{"reserve": "default", "before": 0, "points": 5 * LINES, "after": 5 * LINES}]


def test_stopped_it_says_how_far_it_came(checked: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work_id = recording(tmp_path, checked)
    take = import_task.in_write

    def stops(part):
        count = take(part)
        db.in_write(lambda session: tasks.stop(session, work_id, "Ada", NOW))
        return count

    monkeypatch.setattr(import_task, "in_write", stops)
    assert run(tmp_path)
    stopped = now_of(work_id)
    assert (stopped.state, stopped.result["recorded"], len(movements())) == ("stopped", 500, 500)
    assert "records just the rest" in stopped.result["said"][0]
