"""Import tasks: stopped, killed, or resumed by another process, each line counts once."""

from pathlib import Path
from threading import Event

import pytest

from pointsync import db
from pointsync.db import DatabaseBusy
from pointsync.imports import import_task
from pointsync.imports.run import ImportOptions
from pointsync.models import Task
from pointsync.schedule.task_kinds import TASK_FUNCTIONS
from pointsync.tasks import runner, tasks
from tests.site.imports.test_import_runs import list_movements
from tests.support.moving_clock import START as NOW

LINES = 1200

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save the progress after each part, without pauses."""
    monkeypatch.setattr(runner, "PROGRESS_INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(runner, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def dry_run_id(tmp_path: Path) -> int:
    """The id of a finished dry run."""
    file = tmp_path / "given"
    file.write_text("email,points\n" + "".join(f"c{n}@x.example,5\n" for n in range(LINES)))

    def enqueue(session) -> Task:
        return import_task.enqueue_dry_run(session, tmp_path, file, "my.csv", ImportOptions(), "Ada", NOW)

    task_id = db.run_in_transaction(enqueue).id
    assert run_next_task(tmp_path)
    return task_id


def run_next_task(data: Path, worker_id: str = "w", shutdown_event: Event | None = None) -> bool:
    """Run the next task."""
    return runner.run_next(TASK_FUNCTIONS, data, worker_id, shutdown_event or Event())


def get_task(task_id: int) -> Task:
    """Read the task from the database."""
    with db.transaction() as session:
        return tasks.get(session, task_id)


def create_import_task(data: Path, dry_run_id: int) -> int:
    """Enqueue the import of a checked file."""
    return db.run_in_transaction(
        lambda session: import_task.enqueue_import(session, data, dry_run_id, False, "Ada", NOW)
    ).id


def test_a_file_is_checked_and_then_imported(dry_run_id: int, tmp_path: Path) -> None:
    checked = get_task(dry_run_id)
    assert (checked.state, checked.done, checked.total) == ("done", LINES, LINES)
    assert (checked.result["tally"]["new"], list_movements()) == (LINES, [])
    task_id = create_import_task(tmp_path, dry_run_id)
    assert run_next_task(tmp_path)
    done = get_task(task_id)
    assert (done.state, done.done, done.total, done.result["recorded"]) == ("done", LINES, LINES, LINES)
    assert len(list_movements()) == LINES
    assert sorted(path.name for path in tasks.folder_path(tmp_path, task_id).iterdir()) == [import_task.INPUT_FILE]


def test_a_resumed_import_reports_the_same_result(
    dry_run_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = create_import_task(tmp_path, dry_run_id)
    run_in_transaction, counts = import_task.run_in_transaction, []

    def break_off(part):
        if len(counts) == 1:
            raise DatabaseBusy("away")
        counts.append(run_in_transaction(part))
        return counts[-1]

    monkeypatch.setattr(import_task, "run_in_transaction", break_off)
    with pytest.raises(DatabaseBusy):
        run_next_task(tmp_path)
    assert len(list_movements()) == 500
    monkeypatch.setattr(import_task, "run_in_transaction", run_in_transaction)
    assert run_next_task(tmp_path)
    done = get_task(task_id)
    assert (done.state, done.result["recorded"], len(list_movements())) == ("done", LINES, LINES)
    assert done.result["tally"]["new"] == LINES
    assert done.result["sums"] == [{"reserve": "default", "before": 0, "points": 5 * LINES, "after": 5 * LINES}]


def test_a_stopped_import_reports_its_progress(
    dry_run_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = create_import_task(tmp_path, dry_run_id)
    run_in_transaction = import_task.run_in_transaction

    def stop_after(part):
        count = run_in_transaction(part)
        db.run_in_transaction(lambda session: tasks.stop(session, task_id, "Ada", NOW))
        return count

    monkeypatch.setattr(import_task, "run_in_transaction", stop_after)
    assert run_next_task(tmp_path)
    stopped = get_task(task_id)
    assert (stopped.state, stopped.result["recorded"], len(list_movements())) == ("stopped", 500, 500)
    assert "to record the rest" in stopped.result["said"][0]
