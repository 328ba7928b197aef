"""What the deletion of a line leaves behind, and what a line that goes on is owed."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict, NotFound
from pointsync.models import Delivery, State
from pointsync.sync.remotes import backfill
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import OTHER_AUTH, added, line, owed, settled, sold
from tests.sync.remote_edits import caught_up, changed, emptied, refused, removed, shown

HOUR = timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("app", "gold")


def test_a_deletion_names_what_would_be_dropped():
    remote_id = added()
    sold(1, 2, 3)
    with db.write() as session:
        first, second, _ = session.scalars(select(Delivery).order_by(Delivery.id))
        first.state, second.state = State.FAILED, State.UNKNOWN
    for wrong in (0, 2, 4, -3):
        refusal = refused(Conflict, removed, remote_id, dropping=wrong)
        assert refusal.code == "still_waiting"
        assert "3" in refusal.message
    removed(remote_id, dropping=3)
    assert shown() == []
    assert owed(remote_id, State.ASIDE) == [1, 2, 3]
    assert refused(NotFound, removed, remote_id).code == "unknown_remote"


def test_what_waits_is_told_in_the_right_number():
    remote_id = added()
    assert "Nothing waits" in refused(Conflict, removed, remote_id, dropping=1).message
    sold(1)
    assert "1 movement waits for this remote" in refused(Conflict, removed, remote_id).message
    sold(2)
    assert "2 movements wait for this remote" in refused(Conflict, removed, remote_id).message


def test_what_is_made_after_a_deletion_is_not_owed():
    remote_id = added()
    removed(remote_id)
    sold(1)
    assert owed(remote_id, None) == []


def test_adding_the_same_again_is_another_line_unless_it_goes_on():
    first = added()
    removed(first)
    second = added()
    assert second != first
    removed(second)
    assert added(go_on=True) == second


def test_going_on_owes_what_was_dropped_and_what_was_made_meanwhile():
    remote_id = added()
    sold(1)
    settled(remote_id)
    sold(2, 3)
    removed(remote_id, dropping=2, now=NOW + HOUR)
    sold(4, now=NOW + 2 * HOUR)
    assert added(go_on=True, now=NOW + 3 * HOUR, url="https://moved.example") == remote_id
    caught_up(remote_id)
    assert owed(remote_id) == [2, 3, 4]
    assert owed(remote_id, State.DELIVERED) == [1]
    with db.write() as session:
        remote = line(session, remote_id)
        assert (remote.url, remote.deleted_at, remote.version) == ("https://moved.example", None, 2)
    sold(5, now=NOW + 4 * HOUR)
    assert owed(remote_id) == [2, 3, 4, 5]


def test_going_on_leaves_aside_what_an_admin_has_set_aside():
    remote_id = added()
    sold(1, 2)
    with db.write() as session:
        first = session.scalars(select(Delivery).order_by(Delivery.id)).first()
        first.state, first.message = State.ASIDE, "Given by hand."
    removed(remote_id, dropping=1, now=NOW + HOUR)
    added(go_on=True, now=NOW + 2 * HOUR)
    caught_up(remote_id)
    assert owed(remote_id) == [2]


def test_going_on_after_a_closing_owes_what_was_made_while_it_was_closing():
    remote_id = added()
    sold(1)
    new_id = changed(remote_id, OTHER_AUTH, now=NOW + HOUR)
    sold(2, now=NOW + 2 * HOUR)
    settled(remote_id)
    emptied(now=NOW + 3 * HOUR)
    sold(3, now=NOW + 4 * HOUR)
    removed(new_id, dropping=2)
    assert added(go_on=True, now=NOW + 5 * HOUR) == remote_id
    caught_up(remote_id)
    assert owed(remote_id) == [2, 3]


def test_going_on_takes_up_a_history_that_the_deletion_had_stopped(monkeypatch):
    monkeypatch.setattr(backfill, "CHUNK", 2)
    sold(1, 2, 3, 4)
    remote_id = added(with_history=True)
    with db.write() as session:
        backfill.step(session, remote_id, NOW)
    assert refused(Conflict, removed, remote_id, dropping=2).code == "still_waiting"
    removed(remote_id, dropping=4, now=NOW + HOUR)
    added(go_on=True, now=NOW + 2 * HOUR)
    caught_up(remote_id)
    assert owed(remote_id) == [1, 2, 3, 4]


def test_going_on_does_not_lose_what_was_under_way_when_the_line_was_deleted():
    """Its moment was taken before the deletion, its row written after: by the clock it lies before."""
    remote_id = added()
    removed(remote_id, now=NOW + HOUR)
    sold(1, now=NOW + HOUR - timedelta(milliseconds=5))
    added(go_on=True, now=NOW + 2 * HOUR)
    caught_up(remote_id)
    assert owed(remote_id) == [1]
