"""A new remote's backfill: in chunks, stopped and started again, harmless when repeated."""

from functools import partial

import msgspec
import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.models import Backfill, Delivery, DeliveryState, Movement
from pointsync.models.movement import LOCAL_KINDS
from pointsync.sync.remotes import backfill, remotes
from tests.support.apps import get_reserve, run_concurrently
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import (
    OTHER_AUTH,
    add_remote,
    get_remote,
    outstanding_points,
    record_points,
    set_delivery_states,
)

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Three movements per chunk."""
    monkeypatch.setattr(backfill, "CHUNK_SIZE", 3)


def run_chunk(remote_id: int) -> bool:
    """Enqueue one chunk and commit; return whether more remain."""
    with db.transaction() as session:
        return backfill.enqueue_next_chunk(session, remote_id, NOW)


def run_all_chunks(remote_id: int, max_chunks: int = 50) -> int:
    """Run the backfill to its end and return the number of chunks."""
    for number in range(1, max_chunks):
        if not run_chunk(remote_id):
            return number
    raise AssertionError(f"no end after {max_chunks} chunks")


def progress(remote_id: int):
    """The progress as commands and the API answer it."""
    with db.transaction() as session:
        return msgspec.to_builtins(backfill.progress(session, get_remote(session, remote_id)))


def running_remote_ids() -> list[int]:
    """The remotes whose backfill is running."""
    with db.transaction() as session:
        return backfill.list_running(session)


def test_without_a_backfill_a_remote_gets_movements_from_now_on():
    record_points(1, 2)
    remote_id = add_remote()
    assert (progress(remote_id), running_remote_ids()) == (None, [])
    record_points(3)
    assert not run_chunk(remote_id)
    assert outstanding_points(remote_id) == [3]


def test_it_runs_in_chunks_in_recording_order():
    record_points(*range(1, 8))
    remote_id = add_remote(with_backfill=True)
    assert (outstanding_points(remote_id), progress(remote_id)) == ([], {"total": 7, "owed": 0, "state": "running"})
    assert running_remote_ids() == [remote_id]
    assert run_chunk(remote_id)
    assert (outstanding_points(remote_id), progress(remote_id)["owed"]) == ([1, 2, 3], 3)
    assert run_chunk(remote_id)
    assert not run_chunk(remote_id)
    assert outstanding_points(remote_id) == [1, 2, 3, 4, 5, 6, 7]
    assert progress(remote_id) == {"total": 7, "owed": 7, "state": "finished"}
    assert running_remote_ids() == []


def test_backfilled_deliveries_are_marked_and_new_ones_are_not():
    record_points(1, 2, 3, 4)
    remote_id = add_remote(with_backfill=True)
    run_chunk(remote_id)
    record_points(5)
    run_all_chunks(remote_id)
    with db.transaction() as session:
        rows = session.execute(
            select(Movement.points, Delivery.is_history).join(Delivery, Delivery.movement_seq == Movement.seq)
        )
        assert dict(rows.all()) == {1: True, 2: True, 3: True, 4: True, 5: False}


def test_only_movements_recorded_here_in_the_observed_reserve_and_of_sent_kinds():
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
        apply(session, OTHER_AUTH, get_reserve(session), [IncomingMovement("1", "anna@shop.example", 100)], NOW)
    for kind in sorted(LOCAL_KINDS):
        record_points(50, kind=kind)
    record_points(7)
    record_points(9, reserve="gold")
    with db.transaction() as session:
        assert backfill.count_movements(session, get_reserve(session).id) == 1
        assert backfill.count_movements(session, get_reserve(session, "gold").id) == 1
    remote_id = add_remote(with_backfill=True)
    run_all_chunks(remote_id)
    assert outstanding_points(remote_id) == [7]
    assert progress(remote_id) == {"total": 1, "owed": 1, "state": "finished"}


def test_a_site_without_movements_finishes_at_once():
    remote_id = add_remote(with_backfill=True)
    assert progress(remote_id) == {"total": 0, "owed": 0, "state": "finished"}
    assert not run_chunk(remote_id)


def test_running_it_twice_is_harmless():
    record_points(*range(1, 8))
    remote_id = add_remote(with_backfill=True)
    run_all_chunks(remote_id)
    set_delivery_states(remote_id)
    with db.transaction() as session:
        backfill.start(session, get_remote(session, remote_id), NOW)
    run_all_chunks(remote_id)
    assert outstanding_points(remote_id) == []
    assert outstanding_points(remote_id, None) == [1, 2, 3, 4, 5, 6, 7]


def test_it_can_be_stopped_and_started_again():
    record_points(*range(1, 8))
    remote_id = add_remote(with_backfill=True)
    run_chunk(remote_id)
    with db.transaction() as session:
        backfill.stop(session, get_remote(session, remote_id), NOW)
    assert progress(remote_id)["state"] == "stopped"
    assert running_remote_ids() == []
    assert not run_chunk(remote_id)
    assert outstanding_points(remote_id) == [1, 2, 3]
    with db.transaction() as session:
        backfill.start(session, get_remote(session, remote_id), NOW)
    assert progress(remote_id)["state"] == "running"
    run_all_chunks(remote_id)
    assert outstanding_points(remote_id) == [1, 2, 3, 4, 5, 6, 7]


def test_stopping_a_finished_or_missing_backfill_changes_nothing():
    record_points(1)
    with_backfill, without = add_remote(with_backfill=True), add_remote(OTHER_AUTH, url="https://third.example")
    run_all_chunks(with_backfill)
    with db.transaction() as session:
        for remote_id in (with_backfill, without):
            backfill.stop(session, get_remote(session, remote_id), NOW)
    assert (progress(with_backfill)["state"], progress(without)) == ("finished", None)


def test_gaps_in_the_row_numbers_do_not_stop_it():
    record_points(1)
    with db.transaction() as session:
        batch = [IncomingMovement(str(number), "anna@shop.example", 1) for number in range(1, 11)]
        apply(session, OTHER_AUTH, get_reserve(session), batch, NOW)
    record_points(2)
    remote_id = add_remote(with_backfill=True)
    assert run_all_chunks(remote_id) == 4
    assert outstanding_points(remote_id) == [1, 2]


def test_concurrent_workers_enqueue_each_movement_once(app):
    record_points(*range(1, 31))
    remote_id = add_remote(with_backfill=True)
    enqueue_chunk = partial(backfill.enqueue_next_chunk, remote_id=remote_id, now=NOW)

    def run_worker() -> None:
        while db.run_in_transaction(enqueue_chunk):
            pass

    run_concurrently(app, *[run_worker] * 4)
    assert outstanding_points(remote_id) == list(range(1, 31))
    assert progress(remote_id) == {"total": 30, "owed": 30, "state": "finished"}


def test_movements_recorded_during_the_backfill_are_enqueued_once(app):
    record_points(*range(1, 11))
    remote_id = add_remote(with_backfill=True)
    run_concurrently(
        app, partial(run_all_chunks, remote_id), *(partial(record_points, 100 + number) for number in range(6))
    )
    assert sorted(outstanding_points(remote_id)) == [*range(1, 11), *range(100, 106)]


def test_a_deleted_remote_gets_no_more_of_it():
    record_points(*range(1, 8))
    remote_id = add_remote(with_backfill=True)
    run_chunk(remote_id)
    with db.transaction() as session:
        remotes.delete(session, get_remote(session, remote_id), NOW, expected_drop_count=7)
    assert running_remote_ids() == []
    assert not run_chunk(remote_id)
    with db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Delivery)) == 3


def test_it_can_start_at_a_later_movement():
    record_points(1, 2, 3)
    remote_id = add_remote()
    with db.transaction() as session:
        second_seq = session.scalars(select(Movement.seq).where(Movement.points == 2)).one()
        backfill.start(session, get_remote(session, remote_id), NOW, first_seq=second_seq)
    run_all_chunks(remote_id)
    assert outstanding_points(remote_id) == [2, 3]
    with db.transaction() as session:
        assert session.get_one(Backfill, remote_id).total == 2
        assert {each.state for each in session.scalars(select(Delivery))} == {DeliveryState.PENDING}
