"""What is owed to the remotes: written with the movement or not at all, and for the right ones only."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.record import Draft, record
from pointsync.models import Delivery, Movement, Remote, State
from pointsync.models.movement import LOCAL_KINDS, SENT_KINDS
from tests.support.apps import reserve
from tests.support.moving_clock import START as NOW

ANNA = "anna@shop.example"

pytestmark = pytest.mark.usefixtures("app")


def remote(number: int, key: str = "default", **more) -> int:
    """A line of the list that observes that reserve: its id."""
    with db.write() as session:
        line = Remote(
            url=f"https://shop{number}.example",
            auth=f"wrk_{number:016x}",
            sealed_pass="",
            target="default",
            reserve=reserve(session, key),
            query_template="",
            created_at=NOW,
            facts={},
            **more,
        )
        session.add(line)
        session.flush()
        return line.id


def recorded(*drafts: Draft) -> None:
    """Record `drafts`, committed."""
    with db.write() as session:
        record(session, drafts, "test", NOW)


def owed() -> list[tuple[int, int]]:
    """(remote, points) of every delivery, in the order of sending."""
    with db.write() as session:
        rows = session.execute(
            select(Delivery.remote_id, Movement.points)
            .join(Movement, Movement.seq == Delivery.movement_seq)
            .order_by(Delivery.id)
        )
        return [(remote_id, points) for remote_id, points in rows]


def test_every_remote_that_observes_the_reserve_is_owed_once_in_order():
    first, second = remote(1), remote(2)
    recorded(Draft(ANNA, 1), Draft(ANNA, 2))
    recorded(Draft(ANNA, 3))
    assert owed() == [(line, points) for points in (1, 2, 3) for line in (first, second)]
    with db.write() as session:
        for delivery in session.scalars(select(Delivery)):
            assert (delivery.state, delivery.attempts, delivery.is_history) == (State.PENDING, 0, False)
            assert (delivery.not_before, delivery.called_at, delivery.delivered_at) == (None, None, None)


def test_without_remotes_nothing_is_owed():
    recorded(Draft(ANNA, 1))
    assert owed() == []
    line = remote(1)
    assert owed() == []
    recorded(Draft(ANNA, 2))
    assert owed() == [(line, 2)]


def test_a_movement_and_its_deliveries_come_and_go_together():
    remote(1)

    def work(session):
        record(session, [Draft(ANNA, 5)], "test", NOW)
        assert len(session.scalars(select(Delivery)).all()) == 1
        raise RuntimeError

    with pytest.raises(RuntimeError):
        db.in_write(work)
    with db.write() as session:
        assert session.scalars(select(Movement)).all() == []
    assert owed() == []


def test_what_is_refused_owes_nothing():
    remote(1)
    with pytest.raises(Exception, match="fewer than"):
        recorded(Draft(ANNA, 5), Draft("bob@shop.example", -5))
    assert owed() == []


def test_the_kinds_that_are_sent():
    line = remote(1)
    for number, kind in enumerate(sorted(SENT_KINDS), 1):
        recorded(Draft(ANNA, number, kind=kind))
    assert owed() == [(line, number) for number in range(1, len(SENT_KINDS) + 1)]
    assert {"earn", "spend", "refund", "manual", "import", "redeem"} == SENT_KINDS


def test_the_kinds_that_stay():
    remote(1)
    recorded(*(Draft(ANNA, 5, kind=kind) for kind in sorted(LOCAL_KINDS)))
    assert owed() == []
    assert {"opening", "correction", "expire"} == LOCAL_KINDS


def test_a_mixed_call_owes_what_is_sent_of_it():
    line = remote(1)
    recorded(
        Draft(ANNA, 5, kind="opening"), Draft(ANNA, -2), Draft(ANNA, set_to=3, ref="no change"), Draft(ANNA, set_to=10)
    )
    assert owed() == [(line, -2), (line, 7)]


def test_a_duplicate_owes_nothing_more():
    line = remote(1)
    recorded(Draft(ANNA, 5, ref="1"))
    recorded(Draft(ANNA, 5, ref="1"), Draft(ANNA, 6, ref="2"))
    assert owed() == [(line, 5), (line, 6)]


def test_received_movements_are_passed_on_to_nobody():
    remote(1)
    with db.write() as session:
        apply(session, "wrk_00000000000000aa", reserve(session), [Incoming("1", ANNA, 5, kind="earn", at=NOW)], NOW)
    assert owed() == []


def test_a_movement_with_the_id_of_another_origins_owes_only_itself():
    line = remote(1)
    recorded(Draft(ANNA, 1))
    with db.write() as session:
        name = session.scalars(select(Movement.id)).one()
        following = str(int(name) + 1)
        apply(session, "wrk_00000000000000aa", reserve(session), [Incoming(following, ANNA, 50)], NOW)
    recorded(Draft(ANNA, 2))
    with db.write() as session:
        assert len(session.scalars(select(Movement).where(Movement.id == following)).all()) == 2
    assert owed() == [(line, 1), (line, 2)]


def test_other_reserves_owe_other_remotes():
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
    plain, gold = remote(1), remote(2, "gold")
    recorded(Draft(ANNA, 1), Draft(ANNA, 2, reserve="gold"), Draft(ANNA, 3))
    assert sorted(owed()) == [(plain, 1), (plain, 3), (gold, 2)]


def test_lines_that_are_closing_or_deleted_are_owed_nothing_new_and_paused_ones_are():
    remote(1, closing_at=NOW - timedelta(days=1))
    remote(2, deleted_at=NOW - timedelta(days=1))
    paused = remote(3, paused_at=NOW - timedelta(days=1))
    recorded(Draft(ANNA, 5))
    assert owed() == [(paused, 5)]


def test_a_thousand_movements_to_three_remotes():
    lines = [remote(number) for number in (1, 2, 3)]
    recorded(*(Draft(f"c{number}@shop.example", number + 1) for number in range(1000)))
    assert owed() == [(line, points) for points in range(1, 1001) for line in lines]
