"""*Send again*: delivered movements wait to be sent once more, and the sums follow."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.digests import DigestSum
from pointsync.errors import Conflict, NotFound
from pointsync.ledger.record import Draft, record
from pointsync.models import AuditEntry, DeliveryState, Remote, Task, TaskState
from pointsync.schedule.task_kinds import TASK_FUNCTIONS
from pointsync.sync.comparison import delivered
from pointsync.sync.repair import resend, resend_task
from pointsync.sync.repair.resend import Selection
from pointsync.tasks import runner
from pointsync.tasks.runner import run_next
from tests.support.moving_clock import START
from tests.support.remote_rows import ANNA, add_remote, outstanding_points, record_points, set_delivery_states

BOB = "bob@shop.example"
LATER = START + timedelta(days=1)


@pytest.fixture(autouse=True)
def remote_id(app: object, monkeypatch: pytest.MonkeyPatch) -> int:
    """A remote with five delivered movements: three of Anna's, of which one is of a day later, and two of Bob's."""
    monkeypatch.setattr(resend, "CHUNK_SIZE", 2)
    monkeypatch.setattr(runner, "PAUSE_SECONDS", 0.0)
    added_id = add_remote()
    record_points(1, 2)
    with db.transaction() as session:
        record(session, [Draft(BOB, 30), Draft(BOB, 40)], "test", START)
    record_points(5, now=LATER)
    set_delivery_states(added_id, DeliveryState.DELIVERED)
    with db.transaction() as session:
        delivered.recount(session, session.get_one(Remote, added_id))
    return added_id


def sum_of_deliveries(remote_id: int) -> DigestSum:
    """The stored sum, which must be that of the deliveries."""
    with db.transaction() as session:
        remote = session.get_one(Remote, remote_id, populate_existing=True)
        stored = remote.delivered
        assert not delivered.recount(session, remote)
        return stored


@pytest.mark.parametrize(
    ("selection", "points"),
    [
        (Selection(), [1, 2, 30, 40, 5]),
        (Selection(since=START), [1, 2, 30, 40, 5]),
        (Selection(since=START + timedelta(seconds=1)), [5]),
        (Selection(email=ANNA), [1, 2, 5]),
        (Selection(since=START + timedelta(seconds=1), email=BOB), []),
    ],
)
def test_what_is_selected_waits_again(remote_id: int, selection: Selection, points: list[int]) -> None:
    before = sum_of_deliveries(remote_id)
    with db.transaction() as session:
        assert resend.count(session, remote_id, selection) == len(points)
    assert sum(number for number, _ in resend.enqueue_all(remote_id, selection)) == len(points)
    assert outstanding_points(remote_id) == points
    assert sum_of_deliveries(remote_id).count == before.count - len(points)


def run_task(remote_id: int, folder: Path) -> Task:
    """Enqueue the task, and run it; the task afterwards."""

    def enqueue(session: Session) -> int:
        return resend_task.enqueue(session, folder, remote_id, Selection(), 5, "Ada", START).id

    task_id = db.run_in_transaction(enqueue)
    assert run_next(TASK_FUNCTIONS, folder, "w" * 32, Event())
    with db.transaction() as session:
        return session.get_one(Task, task_id, populate_existing=True)


def test_as_a_background_task(remote_id: int, tmp_path: Path) -> None:
    task = run_task(remote_id, tmp_path)
    assert (task.state, task.done, task.total) == (TaskState.DONE, 5, 5)
    assert outstanding_points(remote_id) == [1, 2, 30, 40, 5]
    with db.transaction() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "resent")).one()
        assert (entry.thing_id, entry.after) == (str(remote_id), {"movements": 5})


def test_an_interrupted_task_goes_on(remote_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted = Event()

    def stop_after_one_part(context: runner.TaskContext) -> Iterator[None]:
        for part in resend_task.run(context):
            interrupted.set()
            yield part

    monkeypatch.setitem(TASK_FUNCTIONS, resend_task.KIND, stop_after_one_part)
    with db.transaction() as session:
        resend_task.enqueue(session, tmp_path, remote_id, Selection(), 5, "Ada", START)
    run_next(TASK_FUNCTIONS, tmp_path, "w" * 32, interrupted)
    assert outstanding_points(remote_id) == [1, 2]
    monkeypatch.setitem(TASK_FUNCTIONS, resend_task.KIND, resend_task.run)
    assert run_next(TASK_FUNCTIONS, tmp_path, "x" * 32, Event())
    assert outstanding_points(remote_id) == [1, 2, 30, 40, 5]


def test_a_deleted_remote_and_a_shop_get_nothing_again(remote_id: int) -> None:
    with db.transaction() as session:
        session.get_one(Remote, remote_id).dialect = "woorewards"
    with db.transaction() as session, pytest.raises(Conflict, match="Only a PointSync site recognises"):
        resend.count(session, remote_id, Selection())
    with db.transaction() as session:
        session.get_one(Remote, remote_id).deleted_at = START
    with pytest.raises(NotFound):
        list(resend.enqueue_all(remote_id, Selection()))
    assert outstanding_points(remote_id) == []
