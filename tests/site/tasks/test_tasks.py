"""Long work: asked for, done part by part, stopped, gone on with by another process, forgotten."""

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
from pointsync.db import Busy
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.files import whole_file
from pointsync.models import Setting, Work, Worker, WorkState
from pointsync.tasks import runner, tasks
from pointsync.tasks.runner import Task, do_next
from tests.support.moving_clock import START

ME, OTHER = "a" * 32, "b" * 32
DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is stored after each part, and nobody waits."""
    monkeypatch.setattr(runner, "NOTE_SECONDS", 0.0)
    monkeypatch.setattr(runner, "GAP_SECONDS", 0.0)


def ask(data: Path, kind: str = "count", **options) -> int:
    """A new work, by its number."""
    what = {"kind": kind, "title": "Counting", "unit": "sheep", "asked_by": "Ada", "now": START}
    return db.in_write(lambda session: tasks.ask(session, data, options=options, **what)).id


def now_of(work_id: int) -> Work:
    """The work as the database has it."""
    with db.write() as session:
        return tasks.get(session, work_id)


def change(work_id: int, **values) -> None:
    """Put `values` into its row."""
    with db.write() as session:
        session.execute(update(Work).where(Work.id == work_id).values(values))


def run(data: Path, *parts: Callable[[Task], None], worker_id: str = ME, ending: Event | None = None) -> bool:
    """Do the next work, whose kind does these parts one after the other."""

    def count(task: Task) -> Iterator[None]:
        for part in parts:
            part(task)
            yield

    return do_next({"count": count}, data, worker_id, ending or Event())


def one_more(task: Task) -> None:
    """Count one sheep."""
    task.done += 1


def kept(task: Task) -> None:
    """Count one, in the database, and keep that."""

    def part(session) -> None:
        here = (task.position or {}).get("after", 0) + 1
        session.add(Setting(name=f"sheep {here}", value="counted"))
        session.flush()
        task.keep(session, {"after": here}, done=here)

    db.in_write(part)


def counted() -> int:
    """How many were counted in the database."""
    with db.write() as session:
        return session.query(Setting).filter(Setting.name.startswith("sheep")).count()


def alive(worker_id: str) -> None:
    """A worker's heartbeat, of a process of this host that runs."""
    with db.write() as session:
        leases.beat(session, worker_id)
        session.execute(update(Worker).where(Worker.id == worker_id).values(pid=1))


def refuse(error: BaseException) -> Callable[[Task], None]:
    """A part that raises."""

    def part(_task: Task) -> None:
        raise error

    return part


def test_a_work_is_done_in_its_parts_and_its_result_is_kept(tmp_path):
    work_id = ask(tmp_path, most=3)
    assert now_of(work_id).state == WorkState.WAITING
    seen = []

    def look(task: Task) -> None:
        task.total = 4
        one_more(task)
        task.result = {"sheep": task.done, "most": task.options["most"]}
        seen.append((now_of(task.id).state, now_of(task.id).done, now_of(task.id).ends_at))

    assert run(tmp_path, look, look, look)
    assert [each[:2] for each in seen] == [("running", 0), ("running", 1), ("running", 2)]
    assert seen[0][2] is None
    assert seen[2][2] is not None
    done = now_of(work_id)
    assert (done.state, done.done, done.total, done.message) == ("done", 3, 4, None)
    assert done.result == {"sheep": 3, "most": 3}
    assert (done.holder, done.ends_at) == (None, None)
    assert done.finished_at >= done.started_at
    assert not run(tmp_path, one_more)


def test_its_folder_is_the_sites_alone_and_empty(tmp_path):
    stray = tasks.folder(tmp_path, 1)
    stray.mkdir(parents=True)
    (stray / "old.csv").write_text("of another life")
    for _ in range(2):
        place = tasks.folder(tmp_path, ask(tmp_path))
        assert place.stat().st_mode & 0o777 == 0o700
        assert list(place.iterdir()) == []


def test_the_oldest_comes_first_and_one_at_a_time(tmp_path):
    first, second = ask(tmp_path), ask(tmp_path)

    def look(_task: Task) -> None:
        assert (now_of(first).state, now_of(second).state) == ("running", "waiting")
        assert run(tmp_path, one_more, worker_id=OTHER)
        assert (now_of(first).state, now_of(second).state) == ("running", "done")

    alive(ME)
    assert run(tmp_path, look)
    assert (now_of(first).state, now_of(second).done) == ("done", 1)


def test_more_than_twenty_at_once_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "MOST_OPEN", 2)
    first = ask(tmp_path)
    ask(tmp_path)
    with pytest.raises(Conflict, match="wait until one of them is done"):
        ask(tmp_path)
    change(first, finished_at=START, state="done")
    assert ask(tmp_path)


def test_a_folder_that_cannot_be_made_refuses_the_work(tmp_path):
    (tmp_path / tasks.FILES).write_text("in the way")
    with pytest.raises(Conflict, match=r"Nothing can be written in .*files"):
        ask(tmp_path)
    with db.write() as session:
        assert tasks.last(session) == []


def test_one_that_waits_is_stopped_at_once_and_never_begun(tmp_path):
    work_id = ask(tmp_path)
    db.in_write(lambda session: tasks.stop(session, work_id, "Ada", START))
    assert (now_of(work_id).state, now_of(work_id).message) == ("stopped", "Stopped by Ada.")
    assert now_of(work_id).finished_at == START
    assert not run(tmp_path, refuse(AssertionError()))


def test_one_that_runs_ends_after_its_part_and_leaves_no_half_file(tmp_path):
    work_id = ask(tmp_path)

    def write(task: Task) -> Iterator[None]:
        with whole_file(task.folder / "sheep.csv") as file:
            file.write("one\n")
            task.done, task.result = 1, {"so_far": 1}
            assert len(list(task.folder.iterdir())) == 1
            db.in_write(lambda session: tasks.stop(session, task.id, "Bob", START))
            assert now_of(task.id).state == "stopping"
            yield
            raise AssertionError("it goes on")

    assert do_next({"count": write}, tmp_path, ME, Event())
    stopped = now_of(work_id)
    assert (stopped.state, stopped.message, stopped.done) == ("stopped", "Stopped by Bob.", 1)
    assert stopped.result == {"so_far": 1}
    assert list(tasks.folder(tmp_path, work_id).iterdir()) == []
    db.in_write(lambda session: tasks.stop(session, work_id, "Ada", START))
    assert now_of(work_id).message == "Stopped by Bob."


def test_stopping_what_there_is_not(tmp_path):
    for call in (tasks.get, lambda session, work_id: tasks.stop(session, work_id, "Ada", START)):
        with pytest.raises(NotFound), db.write() as session:
            call(session, 99)


def test_what_it_has_made_can_be_fetched_once_it_is_whole(tmp_path):
    work_id = ask(tmp_path)

    def write(task: Task) -> Iterator[None]:
        with whole_file(task.folder / "sheep.csv") as file:
            file.write("one\r\n")
            task.result = {"file": "sheep.csv"}
            yield
        assert tasks.made(tmp_path, now_of(task.id)) is None

    do_next({"count": write}, tmp_path, ME, Event())
    path = tasks.made(tmp_path, now_of(work_id))
    assert path.read_bytes() == b"one\r\n"
    assert path.stat().st_mode & 0o777 == 0o600
    change(work_id, result={"file": "../../marker"})
    (tmp_path / "marker").write_text("secret")
    assert tasks.made(tmp_path, now_of(work_id)) is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Invalid("file", "Line 7 has no points."), "Line 7 has no points."),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk of this site's server is full"),
        (PermissionError(errno.EACCES, "Permission denied"), "could not be read or written .*: Permission denied"),
        (ZeroDivisionError(), "this site's log says what happened"),
    ],
)
def test_a_failure_is_a_sentence_and_is_not_tried_again(tmp_path, error, words):
    work_id = ask(tmp_path)
    assert run(tmp_path, one_more, refuse(error))
    failed = now_of(work_id)
    assert failed.state == "failed"
    assert re.search(words, failed.message)
    assert failed.done == 1
    assert not run(tmp_path, one_more)


def test_a_busy_database_lets_it_be_tried_again_but_not_for_ever(tmp_path):
    work_id = ask(tmp_path)
    for _ in range(runner.MOST_TRIES):
        with pytest.raises(Busy):
            run(tmp_path, one_more, refuse(Busy("the database is locked")))
        assert now_of(work_id).state == "running"
    assert not run(tmp_path, one_more)
    assert now_of(work_id).state == "failed"
    assert "begun 5 times" in now_of(work_id).message


def test_what_was_kept_is_gone_on_with_by_another_worker(tmp_path):
    work_id = ask(tmp_path)
    with pytest.raises(Busy):
        run(tmp_path, kept, kept, refuse(Busy("away")))
    assert (now_of(work_id).position, now_of(work_id).done, counted()) == ({"after": 2}, 2, 2)
    assert run(tmp_path, kept, worker_id=OTHER)  # the first one has no heartbeat
    assert (now_of(work_id).state, now_of(work_id).done, counted()) == ("done", 3, 3)


def test_a_live_worker_keeps_it_until_its_lease_ends(tmp_path):
    work_id = ask(tmp_path)
    alive(OTHER)
    with db.write() as session:
        until = db.database_now(session) + timedelta(seconds=60)
    change(work_id, state="running", holder=OTHER, held_until=until)
    assert not run(tmp_path, one_more)
    change(work_id, held_until=until - timedelta(seconds=61))
    assert run(tmp_path, one_more)
    assert now_of(work_id).state == "done"


def test_a_worker_that_slept_past_its_lease_writes_nothing_more(tmp_path):
    work_id = ask(tmp_path)

    def sleep(task: Task) -> None:
        change(task.id, holder=OTHER)

    assert run(tmp_path, kept, sleep, kept, refuse(AssertionError("it goes on")))
    assert counted() == 1
    assert (now_of(work_id).state, now_of(work_id).holder, now_of(work_id).done) == ("running", OTHER, 1)


def test_the_end_of_the_process_leaves_it_to_be_gone_on_with(tmp_path):
    work_id, ending = ask(tmp_path), Event()
    assert run(tmp_path, kept, lambda _task: ending.set(), refuse(AssertionError("it goes on")), ending=ending)
    left = now_of(work_id)
    assert (left.state, left.holder, left.tries, left.done) == ("waiting", None, 0, 1)
    assert not run(tmp_path, one_more, ending=ending)
    assert run(tmp_path, kept, worker_id=OTHER)
    assert (now_of(work_id).state, counted()) == ("done", 2)


def test_a_stop_is_not_forgotten_when_the_process_is_killed(tmp_path):
    work_id = ask(tmp_path)
    change(work_id, state="running", holder=OTHER)
    db.in_write(lambda session: tasks.stop(session, work_id, "Ada", START))
    assert not run(tmp_path, refuse(AssertionError("it goes on")))
    assert (now_of(work_id).state, now_of(work_id).message) == ("stopped", "Stopped by Ada.")


def test_half_a_file_of_a_killed_process_goes(tmp_path):
    place = tasks.folder(tmp_path, ask(tmp_path))
    (place / ".abc.part").write_text("half")
    (place / "given.csv").write_text("kept")
    assert run(tmp_path, one_more)
    assert [each.name for each in place.iterdir()] == ["given.csv"]


def test_a_worker_that_does_not_see_the_folder_or_know_the_kind_leaves_it_alone(tmp_path):
    far, unknown = ask(tmp_path), ask(tmp_path, "of the future")
    shutil.rmtree(tasks.folder(tmp_path, far))
    assert not run(tmp_path, one_more)
    assert {now_of(each).state for each in (far, unknown)} == {"waiting"}


def test_works_are_forgotten_with_their_files(tmp_path, monkeypatch):
    ids = [ask(tmp_path) for _ in range(4)]
    for work_id, age in zip(ids, (8, 6, 5, None), strict=True):
        if age is not None:
            change(work_id, state="done", finished_at=START - age * DAY)
    db.in_write(lambda session: tasks.prune(session, START))
    with db.write() as session:
        assert [each.id for each in tasks.last(session)] == ids[:0:-1]
        assert [each.id for each in tasks.unfinished(session)] == ids[3:]
        tasks.prune_files(session, tmp_path, START)
    assert tasks.folder(tmp_path, ids[0]).is_dir()  # it may be of a work that is just being asked for
    monkeypatch.setattr(tasks, "MOST_KEPT", 1)
    db.in_write(lambda session: tasks.prune(session, START))
    with db.write() as session:
        assert [each.id for each in tasks.last(session)] == [ids[3], ids[2]]
        tasks.prune_files(session, tmp_path, START + 10_000 * DAY)
        tasks.prune_files(session, tmp_path / "elsewhere", START)
    assert sorted(int(each.name) for each in (tmp_path / tasks.FILES).iterdir()) == ids[2:]
