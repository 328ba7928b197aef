"""Background tasks: enqueued, run part by part, stopped, resumed by another process, deleted."""

import errno
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import update

from pointsync import db, leases
from pointsync.db import DatabaseBusy
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.files import atomic_text_file
from pointsync.models import Setting, Task, TaskState, Worker
from pointsync.tasks import runner, tasks
from pointsync.tasks.runner import TaskContext, run_next
from tests.support.moving_clock import START

ME, OTHER = "a" * 32, "b" * 32
DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save the progress after each part, without pauses."""
    monkeypatch.setattr(runner, "PROGRESS_INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(runner, "PAUSE_SECONDS", 0.0)


def create_task(data: Path, kind: str = "count", **options) -> int:
    """Enqueue a task and return its id."""
    values = {"kind": kind, "title": "Counting", "unit": "sheep", "asked_by": "Ada", "now": START}
    return db.run_in_transaction(lambda session: tasks.enqueue(session, data, options=options, **values)).id


def get_task(task_id: int) -> Task:
    """Read the task from the database."""
    with db.transaction() as session:
        return tasks.get(session, task_id)


def update_task(task_id: int, **values) -> None:
    """Write `values` to the row of the task."""
    with db.transaction() as session:
        session.execute(update(Task).where(Task.id == task_id).values(values))


def run_next_task(
    data: Path, *parts: Callable[[TaskContext], None], worker_id: str = ME, shutdown_event: Event | None = None
) -> bool:
    """Run the next task, whose kind runs these parts one after the other."""

    def count(context: TaskContext) -> Iterator[None]:
        for part in parts:
            part(context)
            yield

    return run_next({"count": count}, data, worker_id, shutdown_event or Event())


def count_sheep(context: TaskContext) -> None:
    """Count one sheep."""
    context.done += 1


def count_and_save(context: TaskContext) -> None:
    """Count one sheep in the database and save the position."""

    def part(session) -> None:
        number = (context.position or {}).get("after", 0) + 1
        session.add(Setting(name=f"sheep {number}", value="counted"))
        session.flush()
        context.save_position(session, {"after": number}, done=number)

    db.run_in_transaction(part)


def stored_count() -> int:
    """Count the sheep in the database."""
    with db.transaction() as session:
        return session.query(Setting).filter(Setting.name.startswith("sheep")).count()


def add_heartbeat(worker_id: str) -> None:
    """Record the heartbeat of a worker whose process runs on this host."""
    with db.transaction() as session:
        leases.record_heartbeat(session, worker_id)
        session.execute(update(Worker).where(Worker.id == worker_id).values(pid=1))


def raising_part(error: BaseException) -> Callable[[TaskContext], None]:
    """Return a part that raises."""

    def part(_context: TaskContext) -> None:
        raise error

    return part


def test_a_task_runs_in_parts_and_its_result_is_stored(tmp_path):
    task_id = create_task(tmp_path, most=3)
    assert get_task(task_id).state == TaskState.WAITING
    seen = []

    def look(context: TaskContext) -> None:
        context.total = 4
        count_sheep(context)
        context.result = {"sheep": context.done, "most": context.options["most"]}
        task = get_task(context.id)
        seen.append((task.state, task.done, task.ends_at))

    assert run_next_task(tmp_path, look, look, look)
    assert [each[:2] for each in seen] == [("running", 0), ("running", 1), ("running", 2)]
    assert seen[0][2] is None
    assert seen[2][2] is not None
    done = get_task(task_id)
    assert (done.state, done.done, done.total, done.message) == ("done", 3, 4, None)
    assert done.result == {"sheep": 3, "most": 3}
    assert (done.holder, done.ends_at) == (None, None)
    assert done.finished_at >= done.started_at
    assert not run_next_task(tmp_path, count_sheep)


def test_the_folder_is_private_and_empty(tmp_path):
    old_folder = tasks.folder_path(tmp_path, 1)
    old_folder.mkdir(parents=True)
    (old_folder / "old.csv").write_text("left over")
    for _ in range(2):
        folder = tasks.folder_path(tmp_path, create_task(tmp_path))
        assert folder.stat().st_mode & 0o777 == 0o700
        assert list(folder.iterdir()) == []


def test_the_oldest_task_runs_first_and_one_at_a_time(tmp_path):
    first, second = create_task(tmp_path), create_task(tmp_path)

    def look(_context: TaskContext) -> None:
        assert (get_task(first).state, get_task(second).state) == ("running", "waiting")
        assert run_next_task(tmp_path, count_sheep, worker_id=OTHER)
        assert (get_task(first).state, get_task(second).state) == ("running", "done")

    add_heartbeat(ME)
    assert run_next_task(tmp_path, look)
    assert (get_task(first).state, get_task(second).done) == ("done", 1)


def test_too_many_unfinished_tasks_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "MAX_UNFINISHED", 2)
    first = create_task(tmp_path)
    create_task(tmp_path)
    with pytest.raises(Conflict, match="Wait until one is done"):
        create_task(tmp_path)
    update_task(first, finished_at=START, state="done")
    assert create_task(tmp_path)


def test_a_task_without_a_folder_is_refused(tmp_path):
    (tmp_path / tasks.FOLDER_NAME).write_text("in the way")
    with pytest.raises(Conflict, match=r"PointSync cannot write to .*files"):
        create_task(tmp_path)
    with db.transaction() as session:
        assert tasks.list_recent(session) == []


def test_a_waiting_task_is_stopped_at_once_and_never_runs(tmp_path):
    task_id = create_task(tmp_path)
    db.run_in_transaction(lambda session: tasks.stop(session, task_id, "Ada", START))
    assert (get_task(task_id).state, get_task(task_id).message) == ("stopped", "Stopped by Ada.")
    assert get_task(task_id).finished_at == START
    assert not run_next_task(tmp_path, raising_part(AssertionError()))


def test_a_running_task_stops_after_its_part_and_leaves_no_partial_file(tmp_path):
    task_id = create_task(tmp_path)

    def write(context: TaskContext) -> Iterator[None]:
        with atomic_text_file(context.folder / "sheep.csv") as file:
            file.write("one\n")
            context.done, context.result = 1, {"so_far": 1}
            assert len(list(context.folder.iterdir())) == 1
            db.run_in_transaction(lambda session: tasks.stop(session, context.id, "Bob", START))
            assert get_task(context.id).state == "stopping"
            yield
            raise AssertionError("it continues")

    assert run_next({"count": write}, tmp_path, ME, Event())
    stopped = get_task(task_id)
    assert (stopped.state, stopped.message, stopped.done) == ("stopped", "Stopped by Bob.", 1)
    assert stopped.result == {"so_far": 1}
    assert list(tasks.folder_path(tmp_path, task_id).iterdir()) == []
    db.run_in_transaction(lambda session: tasks.stop(session, task_id, "Ada", START))
    assert get_task(task_id).message == "Stopped by Bob."


def test_an_unknown_task(tmp_path):
    for call in (tasks.get, lambda session, task_id: tasks.stop(session, task_id, "Ada", START)):
        with pytest.raises(NotFound), db.transaction() as session:
            call(session, 99)


def test_the_result_file_can_be_downloaded_once_it_is_complete(tmp_path):
    task_id = create_task(tmp_path)

    def write(context: TaskContext) -> Iterator[None]:
        with atomic_text_file(context.folder / "sheep.csv") as file:
            file.write("one\r\n")
            context.result = {"file": "sheep.csv"}
            yield
        assert tasks.get_result_file(tmp_path, get_task(context.id)) is None

    run_next({"count": write}, tmp_path, ME, Event())
    path = tasks.get_result_file(tmp_path, get_task(task_id))
    assert path.read_bytes() == b"one\r\n"
    assert path.stat().st_mode & 0o777 == 0o600
    update_task(task_id, result={"file": "../../marker"})
    (tmp_path / "marker").write_text("secret")
    assert tasks.get_result_file(tmp_path, get_task(task_id)) is None


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InvalidInput("file", "Line 7 has no points."), "Line 7 has no points."),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk of this site's server is full"),
        (PermissionError(errno.EACCES, "Permission denied"), "could not be read or written .*: Permission denied"),
        (ZeroDivisionError(), "The log of this site says what happened"),
    ],
)
def test_a_failed_task_says_why_and_is_not_retried(tmp_path, error, message):
    task_id = create_task(tmp_path)
    assert run_next_task(tmp_path, count_sheep, raising_part(error))
    failed = get_task(task_id)
    assert failed.state == "failed"
    assert re.search(message, failed.message)
    assert failed.done == 1
    assert not run_next_task(tmp_path, count_sheep)


def test_a_busy_database_is_retried_but_not_forever(tmp_path):
    task_id = create_task(tmp_path)
    for _ in range(runner.MAX_TRIES):
        with pytest.raises(DatabaseBusy):
            run_next_task(tmp_path, count_sheep, raising_part(DatabaseBusy("the database is locked")))
        assert get_task(task_id).state == "running"
    assert not run_next_task(tmp_path, count_sheep)
    assert get_task(task_id).state == "failed"
    assert "started 5 times" in get_task(task_id).message


def test_another_worker_resumes_at_the_saved_position(tmp_path):
    task_id = create_task(tmp_path)
    with pytest.raises(DatabaseBusy):
        run_next_task(tmp_path, count_and_save, count_and_save, raising_part(DatabaseBusy("away")))
    assert (get_task(task_id).position, get_task(task_id).done, stored_count()) == ({"after": 2}, 2, 2)
    assert run_next_task(tmp_path, count_and_save, worker_id=OTHER)  # the first worker has no heartbeat
    assert (get_task(task_id).state, get_task(task_id).done, stored_count()) == ("done", 3, 3)


def test_a_live_worker_keeps_the_task_until_its_lease_ends(tmp_path):
    task_id = create_task(tmp_path)
    add_heartbeat(OTHER)
    with db.transaction() as session:
        until = db.get_database_time(session) + timedelta(seconds=60)
    update_task(task_id, state="running", holder=OTHER, held_until=until)
    assert not run_next_task(tmp_path, count_sheep)
    update_task(task_id, held_until=until - timedelta(seconds=61))
    assert run_next_task(tmp_path, count_sheep)
    assert get_task(task_id).state == "done"


def test_a_worker_that_lost_its_lease_writes_nothing_more(tmp_path):
    task_id = create_task(tmp_path)

    def sleep(context: TaskContext) -> None:
        update_task(context.id, holder=OTHER)

    assert run_next_task(tmp_path, count_and_save, sleep, count_and_save, raising_part(AssertionError("it continues")))
    assert stored_count() == 1
    assert (get_task(task_id).state, get_task(task_id).holder, get_task(task_id).done) == ("running", OTHER, 1)


def test_a_shutdown_leaves_the_task_for_another_worker(tmp_path):
    task_id, shutdown_event = create_task(tmp_path), Event()
    assert run_next_task(
        tmp_path,
        count_and_save,
        lambda _context: shutdown_event.set(),
        raising_part(AssertionError("it continues")),
        shutdown_event=shutdown_event,
    )
    interrupted = get_task(task_id)
    assert (interrupted.state, interrupted.holder, interrupted.tries, interrupted.done) == ("waiting", None, 0, 1)
    assert not run_next_task(tmp_path, count_sheep, shutdown_event=shutdown_event)
    assert run_next_task(tmp_path, count_and_save, worker_id=OTHER)
    assert (get_task(task_id).state, stored_count()) == ("done", 2)


def test_a_stop_outlasts_a_killed_process(tmp_path):
    task_id = create_task(tmp_path)
    update_task(task_id, state="running", holder=OTHER)
    db.run_in_transaction(lambda session: tasks.stop(session, task_id, "Ada", START))
    assert not run_next_task(tmp_path, raising_part(AssertionError("it continues")))
    assert (get_task(task_id).state, get_task(task_id).message) == ("stopped", "Stopped by Ada.")


def test_partial_files_of_a_killed_process_are_deleted(tmp_path):
    folder = tasks.folder_path(tmp_path, create_task(tmp_path))
    (folder / ".abc.part").write_text("half")
    (folder / "given.csv").write_text("kept")
    assert run_next_task(tmp_path, count_sheep)
    assert [each.name for each in folder.iterdir()] == ["given.csv"]


def test_a_worker_skips_tasks_without_a_folder_or_of_an_unknown_kind(tmp_path):
    without_folder, unknown_kind = create_task(tmp_path), create_task(tmp_path, "of the future")
    shutil.rmtree(tasks.folder_path(tmp_path, without_folder))
    assert not run_next_task(tmp_path, count_sheep)
    assert {get_task(each).state for each in (without_folder, unknown_kind)} == {"waiting"}


def test_old_tasks_are_deleted_with_their_files(tmp_path, monkeypatch):
    ids = [create_task(tmp_path) for _ in range(4)]
    for task_id, age in zip(ids, (8, 6, 5, None), strict=True):
        if age is not None:
            update_task(task_id, state="done", finished_at=START - age * DAY)
    db.run_in_transaction(lambda session: tasks.prune(session, START))
    with db.transaction() as session:
        assert [each.id for each in tasks.list_recent(session)] == ids[:0:-1]
        assert [each.id for each in tasks.list_unfinished(session)] == ids[3:]
        tasks.prune_files(session, tmp_path, START)
    assert tasks.folder_path(tmp_path, ids[0]).is_dir()  # it may belong to a task that is just being enqueued
    monkeypatch.setattr(tasks, "MAX_FINISHED_KEPT", 1)
    db.run_in_transaction(lambda session: tasks.prune(session, START))
    with db.transaction() as session:
        assert [each.id for each in tasks.list_recent(session)] == [ids[3], ids[2]]
        tasks.prune_files(session, tmp_path, START + 10_000 * DAY)
        tasks.prune_files(session, tmp_path / "elsewhere", START)
    assert sorted(int(each.name) for each in (tmp_path / tasks.FOLDER_NAME).iterdir()) == ids[2:]
