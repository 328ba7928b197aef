"""History for a newcomer: bit by bit, stopped and taken up again, harmless when done twice."""

from functools import partial

import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.apply import Incoming, apply
from pointsync.models import Delivery, History, Movement, State
from pointsync.models.movement import LOCAL_KINDS
from pointsync.sync.remotes import backfill, remotes
from tests.support.apps import reserve, together
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import OTHER_AUTH, added, line, owed, settled, sold

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    """Three movements a step."""
    monkeypatch.setattr(backfill, "CHUNK", 3)


def stepped(remote_id: int) -> bool:
    """One step, committed; whether more is left."""
    with db.write() as session:
        return backfill.step(session, remote_id, NOW)


def run(remote_id: int, most: int = 50) -> int:
    """Step to the end; the steps it took."""
    for number in range(1, most):
        if not stepped(remote_id):
            return number
    raise AssertionError(f"no end after {most} steps")


def progress(remote_id: int):
    """What people are shown."""
    with db.write() as session:
        return backfill.progress(session, line(session, remote_id))


def unfinished() -> list[int]:
    """The remotes whose history is under way."""
    with db.write() as session:
        return backfill.unfinished(session)


def test_without_history_a_line_gets_what_is_made_from_now_on():
    sold(1, 2)
    remote_id = added()
    assert (progress(remote_id), unfinished()) == (None, [])
    sold(3)
    assert not stepped(remote_id)
    assert owed(remote_id) == [3]


def test_step_by_step_in_the_order_it_was_made():
    sold(*range(1, 8))
    remote_id = added(with_history=True)
    assert (owed(remote_id), progress(remote_id)) == ([], {"total": 7, "owed": 0, "state": "running"})
    assert unfinished() == [remote_id]
    assert stepped(remote_id)
    assert (owed(remote_id), progress(remote_id)["owed"]) == ([1, 2, 3], 3)
    assert stepped(remote_id)
    assert not stepped(remote_id)
    assert owed(remote_id) == [1, 2, 3, 4, 5, 6, 7]
    assert progress(remote_id) == {"total": 7, "owed": 7, "state": "finished"}
    assert unfinished() == []


def test_what_is_sent_as_history_is_marked_and_what_is_made_meanwhile_is_not():
    sold(1, 2, 3, 4)
    remote_id = added(with_history=True)
    stepped(remote_id)
    sold(5)
    run(remote_id)
    with db.write() as session:
        rows = session.execute(
            select(Movement.points, Delivery.is_history).join(Delivery, Delivery.movement_seq == Movement.seq)
        )
        assert dict(rows.all()) == {1: True, 2: True, 3: True, 4: True, 5: False}


def test_only_what_this_site_made_in_the_observed_reserve_and_sends():
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
        apply(session, OTHER_AUTH, reserve(session), [Incoming("1", "anna@shop.example", 100)], NOW)
    for kind in sorted(LOCAL_KINDS):
        sold(50, kind=kind)
    sold(7)
    sold(9, reserve="gold")
    with db.write() as session:
        assert backfill.count(session, reserve(session).id) == 1
        assert backfill.count(session, reserve(session, "gold").id) == 1
    remote_id = added(with_history=True)
    run(remote_id)
    assert owed(remote_id) == [7]
    assert progress(remote_id) == {"total": 1, "owed": 1, "state": "finished"}


def test_a_site_without_movements_has_no_history():
    remote_id = added(with_history=True)
    assert progress(remote_id) == {"total": 0, "owed": 0, "state": "finished"}
    assert not stepped(remote_id)


def test_done_twice_it_is_harmless():
    sold(*range(1, 8))
    remote_id = added(with_history=True)
    run(remote_id)
    settled(remote_id)
    with db.write() as session:
        backfill.start(session, line(session, remote_id), NOW)
    run(remote_id)
    assert owed(remote_id) == []
    assert owed(remote_id, None) == [1, 2, 3, 4, 5, 6, 7]


def test_stopped_it_owes_no_more_and_started_again_it_goes_to_the_end():
    sold(*range(1, 8))
    remote_id = added(with_history=True)
    stepped(remote_id)
    with db.write() as session:
        backfill.stop(session, line(session, remote_id), NOW)
    assert progress(remote_id)["state"] == "stopped"
    assert unfinished() == []
    assert not stepped(remote_id)
    assert owed(remote_id) == [1, 2, 3]
    with db.write() as session:
        backfill.start(session, line(session, remote_id), NOW)
    assert progress(remote_id)["state"] == "running"
    run(remote_id)
    assert owed(remote_id) == [1, 2, 3, 4, 5, 6, 7]


def test_stopping_what_is_finished_or_was_never_asked_for_changes_nothing():
    sold(1)
    with_one, without = added(with_history=True), added(OTHER_AUTH, url="https://third.example")
    run(with_one)
    with db.write() as session:
        for remote_id in (with_one, without):
            backfill.stop(session, line(session, remote_id), NOW)
    assert (progress(with_one)["state"], progress(without)) == ("finished", None)


def test_gaps_in_the_rows_do_not_stop_it():
    sold(1)
    with db.write() as session:
        batch = [Incoming(str(number), "anna@shop.example", 1) for number in range(1, 11)]
        apply(session, OTHER_AUTH, reserve(session), batch, NOW)
    sold(2)
    remote_id = added(with_history=True)
    assert run(remote_id) == 4
    assert owed(remote_id) == [1, 2]


def test_several_processes_at_once_owe_each_movement_once(app):
    sold(*range(1, 31))
    remote_id = added(with_history=True)
    step = partial(backfill.step, remote_id=remote_id, now=NOW)

    def work() -> None:
        while db.in_write(step):
            pass

    together(app, *[work] * 4)
    assert owed(remote_id) == list(range(1, 31))
    assert progress(remote_id) == {"total": 30, "owed": 30, "state": "finished"}


def test_while_the_shop_sells_nothing_is_left_out_nor_owed_twice(app):
    sold(*range(1, 11))
    remote_id = added(with_history=True)
    together(app, partial(run, remote_id), *(partial(sold, 100 + number) for number in range(6)))
    assert sorted(owed(remote_id)) == [*range(1, 11), *range(100, 106)]


def test_a_deleted_line_is_owed_no_more_of_it():
    sold(*range(1, 8))
    remote_id = added(with_history=True)
    stepped(remote_id)
    with db.write() as session:
        remotes.remove(session, line(session, remote_id), NOW, dropping=7)
    assert unfinished() == []
    assert not stepped(remote_id)
    with db.write() as session:
        assert session.scalar(select(func.count()).select_from(Delivery)) == 3


def test_it_may_begin_with_a_later_movement():
    sold(1, 2, 3)
    remote_id = added()
    with db.write() as session:
        second = session.scalars(select(Movement.seq).where(Movement.points == 2)).one()
        backfill.start(session, line(session, remote_id), NOW, first_seq=second)
    run(remote_id)
    assert owed(remote_id) == [2, 3]
    with db.write() as session:
        assert session.get_one(History, remote_id).total == 2
        assert {each.state for each in session.scalars(select(Delivery))} == {State.PENDING}
