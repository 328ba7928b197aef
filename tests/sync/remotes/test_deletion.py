"""Deleting a remote, and adding the same remote again to continue from there."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict, NotFound
from pointsync.models import Delivery, DeliveryState
from pointsync.sync.remotes import backfill
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import (
    OTHER_AUTH,
    add_remote,
    get_remote,
    outstanding_points,
    record_points,
    set_delivery_states,
)
from tests.sync.remote_edits import (
    change_remote,
    delete_drained_remotes,
    expect_refused,
    listed_ids,
    remove_remote,
    run_backfill,
)

HOUR = timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("app", "gold")


def test_a_deletion_must_confirm_how_many_deliveries_are_dropped():
    remote_id = add_remote()
    record_points(1, 2, 3)
    with db.transaction() as session:
        first, second, _ = session.scalars(select(Delivery).order_by(Delivery.id))
        first.state, second.state = DeliveryState.FAILED, DeliveryState.UNKNOWN
    for wrong_count in (0, 2, 4, -3):
        refusal = expect_refused(Conflict, remove_remote, remote_id, drop_count=wrong_count)
        assert refusal.code == "still_waiting"
        assert "3" in refusal.message
    remove_remote(remote_id, drop_count=3)
    assert listed_ids() == []
    assert outstanding_points(remote_id, DeliveryState.SET_ASIDE) == [1, 2, 3]
    assert expect_refused(NotFound, remove_remote, remote_id).code == "unknown_remote"


def test_the_message_has_the_right_plural():
    remote_id = add_remote()
    assert "Nothing is waiting" in expect_refused(Conflict, remove_remote, remote_id, drop_count=1).message
    record_points(1)
    assert "1 movement is waiting for this remote" in expect_refused(Conflict, remove_remote, remote_id).message
    record_points(2)
    assert "2 movements are waiting for this remote" in expect_refused(Conflict, remove_remote, remote_id).message


def test_a_deleted_remote_gets_no_new_deliveries():
    remote_id = add_remote()
    remove_remote(remote_id)
    record_points(1)
    assert outstanding_points(remote_id, None) == []


def test_adding_the_same_site_again_uses_the_deleted_remote():
    """It knows what is delivered there. What it missed is sent only if an admin asks for it."""
    remote_id = add_remote()
    record_points(1)
    remove_remote(remote_id, 1)
    record_points(2)
    assert add_remote() == remote_id
    record_points(3)
    assert outstanding_points(remote_id) == [3]


def test_a_reopened_remote_gets_dropped_and_missed_movements():
    remote_id = add_remote()
    record_points(1)
    set_delivery_states(remote_id)
    record_points(2, 3)
    remove_remote(remote_id, drop_count=2, now=NOW + HOUR)
    record_points(4, now=NOW + 2 * HOUR)
    assert add_remote(reopen=True, now=NOW + 3 * HOUR, url="https://moved.example") == remote_id
    run_backfill(remote_id)
    assert outstanding_points(remote_id) == [2, 3, 4]
    assert outstanding_points(remote_id, DeliveryState.DELIVERED) == [1]
    with db.transaction() as session:
        remote = get_remote(session, remote_id)
        assert (remote.url, remote.deleted_at, remote.version) == ("https://moved.example", None, 2)
    record_points(5, now=NOW + 4 * HOUR)
    assert outstanding_points(remote_id) == [2, 3, 4, 5]


def test_reopening_does_not_send_what_an_admin_set_aside():
    remote_id = add_remote()
    record_points(1, 2)
    with db.transaction() as session:
        first = session.scalars(select(Delivery).order_by(Delivery.id)).first()
        first.state, first.message = DeliveryState.SET_ASIDE, "Added there by phone."
    remove_remote(remote_id, drop_count=1, now=NOW + HOUR)
    add_remote(reopen=True, now=NOW + 2 * HOUR)
    run_backfill(remote_id)
    assert outstanding_points(remote_id) == [2]


def test_reopening_a_closed_remote_sends_what_was_recorded_while_it_was_closing():
    remote_id = add_remote()
    record_points(1)
    new_id = change_remote(remote_id, OTHER_AUTH, now=NOW + HOUR)
    record_points(2, now=NOW + 2 * HOUR)
    set_delivery_states(remote_id)
    delete_drained_remotes(now=NOW + 3 * HOUR)
    record_points(3, now=NOW + 4 * HOUR)
    remove_remote(new_id, drop_count=2)
    assert add_remote(reopen=True, now=NOW + 5 * HOUR) == remote_id
    run_backfill(remote_id)
    assert outstanding_points(remote_id) == [2, 3]


def test_reopening_continues_the_backfill_that_the_deletion_stopped(monkeypatch):
    monkeypatch.setattr(backfill, "CHUNK_SIZE", 2)
    record_points(1, 2, 3, 4)
    remote_id = add_remote(with_backfill=True)
    with db.transaction() as session:
        backfill.enqueue_next_chunk(session, remote_id, NOW)
    assert expect_refused(Conflict, remove_remote, remote_id, drop_count=2).code == "still_waiting"
    remove_remote(remote_id, drop_count=4, now=NOW + HOUR)
    add_remote(reopen=True, now=NOW + 2 * HOUR)
    run_backfill(remote_id)
    assert outstanding_points(remote_id) == [1, 2, 3, 4]


def test_reopening_does_not_lose_a_movement_recorded_during_the_deletion():
    """Its time was read before the deletion and its row was written after it."""
    remote_id = add_remote()
    remove_remote(remote_id, now=NOW + HOUR)
    record_points(1, now=NOW + HOUR - timedelta(milliseconds=5))
    add_remote(reopen=True, now=NOW + 2 * HOUR)
    run_backfill(remote_id)
    assert outstanding_points(remote_id) == [1]
