"""Deliveries are created in the movement's transaction, and only for the remotes that observe its reserve."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.record import Draft, record
from pointsync.models import Delivery, DeliveryState, Movement, Remote, Site
from pointsync.models.movement import LOCAL_KINDS, SENT_KINDS
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW

ANNA = "anna@shop.example"

pytestmark = pytest.mark.usefixtures("app")


def add_remote(number: int, key: str = "default", **more) -> int:
    """The id of a new remote that observes this reserve."""
    with db.transaction() as session:
        remote = Remote(
            url=f"https://shop{number}.example",
            auth=f"wrk_{number:016x}",
            sealed_pass="",
            target="default",
            reserve=get_reserve(session, key),
            query_template="",
            created_at=NOW,
            facts={},
            **more,
        )
        session.add(remote)
        session.flush()
        return remote.id


def record_all(*drafts: Draft) -> None:
    """Record `drafts` and commit."""
    with db.transaction() as session:
        record(session, drafts, "test", NOW)


def list_outstanding() -> list[tuple[int, int]]:
    """(remote, points) of every delivery, in sending order."""
    with db.transaction() as session:
        rows = session.execute(
            select(Delivery.remote_id, Movement.points)
            .join(Movement, Movement.seq == Delivery.movement_seq)
            .order_by(Delivery.id)
        )
        return [(remote_id, points) for remote_id, points in rows]


def test_every_remote_that_observes_the_reserve_gets_one_delivery_in_order():
    first, second = add_remote(1), add_remote(2)
    record_all(Draft(ANNA, 1), Draft(ANNA, 2))
    record_all(Draft(ANNA, 3))
    assert list_outstanding() == [(remote, points) for points in (1, 2, 3) for remote in (first, second)]
    with db.transaction() as session:
        for delivery in session.scalars(select(Delivery)):
            assert (delivery.state, delivery.attempts, delivery.is_history) == (DeliveryState.PENDING, 0, False)
            assert (delivery.not_before, delivery.called_at, delivery.delivered_at) == (None, None, None)


def test_without_remotes_nothing_is_enqueued():
    record_all(Draft(ANNA, 1))
    assert list_outstanding() == []
    remote = add_remote(1)
    assert list_outstanding() == []
    record_all(Draft(ANNA, 2))
    assert list_outstanding() == [(remote, 2)]


def test_a_movement_and_its_deliveries_come_and_go_together():
    add_remote(1)

    def operation(session):
        record(session, [Draft(ANNA, 5)], "test", NOW)
        assert len(session.scalars(select(Delivery)).all()) == 1
        raise RuntimeError

    with pytest.raises(RuntimeError):
        db.run_in_transaction(operation)
    with db.transaction() as session:
        assert session.scalars(select(Movement)).all() == []
    assert list_outstanding() == []


def test_a_refused_movement_enqueues_nothing():
    add_remote(1)
    with pytest.raises(Exception, match="fewer than"):
        record_all(Draft(ANNA, 5), Draft("bob@shop.example", -5))
    assert list_outstanding() == []


def test_the_kinds_that_are_sent():
    remote = add_remote(1)
    for number, kind in enumerate(sorted(SENT_KINDS), 1):
        record_all(Draft(ANNA, number, kind=kind))
    assert list_outstanding() == [(remote, number) for number in range(1, len(SENT_KINDS) + 1)]
    assert {"earn", "spend", "refund", "manual", "import", "redeem"} == SENT_KINDS


def test_the_kinds_that_stay():
    add_remote(1)
    record_all(*(Draft(ANNA, 5, kind=kind) for kind in sorted(LOCAL_KINDS)))
    assert list_outstanding() == []
    assert {"opening", "correction", "expire"} == LOCAL_KINDS


def test_a_mixed_call_enqueues_only_the_kinds_that_are_sent():
    remote = add_remote(1)
    record_all(
        Draft(ANNA, 5, kind="opening"), Draft(ANNA, -2), Draft(ANNA, set_to=3, ref="no change"), Draft(ANNA, set_to=10)
    )
    assert list_outstanding() == [(remote, -2), (remote, 7)]


def test_a_duplicate_enqueues_no_more_deliveries():
    remote = add_remote(1)
    record_all(Draft(ANNA, 5, ref="1"))
    record_all(Draft(ANNA, 5, ref="1"), Draft(ANNA, 6, ref="2"))
    assert list_outstanding() == [(remote, 5), (remote, 6)]


def test_received_movements_are_not_forwarded():
    add_remote(1)
    with db.transaction() as session:
        apply(
            session,
            "wrk_00000000000000aa",
            get_reserve(session),
            [IncomingMovement("1", ANNA, 5, kind="earn", at=NOW)],
            NOW,
        )
    assert list_outstanding() == []


def test_a_movement_with_the_id_of_another_origin_enqueues_only_itself():
    remote = add_remote(1)
    with db.transaction() as session:
        last_id = session.get_one(Site, 1).last_id
    record_all(Draft(ANNA, 1))
    with db.transaction() as session:
        own_id = session.scalars(select(Movement.id)).one()
        apply(session, "wrk_00000000000000aa", get_reserve(session), [IncomingMovement(own_id, ANNA, 50)], NOW)
        assert len(session.scalars(select(Movement).where(Movement.id == own_id)).all()) == 2
    assert int(own_id) > last_id
    assert list_outstanding() == [(remote, 1)]


def test_other_reserves_are_sent_to_other_remotes():
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    plain, gold = add_remote(1), add_remote(2, "gold")
    record_all(Draft(ANNA, 1), Draft(ANNA, 2, reserve="gold"), Draft(ANNA, 3))
    assert sorted(list_outstanding()) == [(plain, 1), (plain, 3), (gold, 2)]


def test_closing_and_deleted_remotes_get_no_new_deliveries_and_paused_ones_do():
    add_remote(1, closing_at=NOW - timedelta(days=1))
    add_remote(2, deleted_at=NOW - timedelta(days=1))
    paused = add_remote(3, paused_at=NOW - timedelta(days=1))
    record_all(Draft(ANNA, 5))
    assert list_outstanding() == [(paused, 5)]


def test_a_thousand_movements_to_three_remotes():
    remotes = [add_remote(number) for number in (1, 2, 3)]
    record_all(*(Draft(f"c{number}@shop.example", number + 1) for number in range(1000)))
    assert list_outstanding() == [(remote, points) for points in range(1, 1001) for remote in remotes]
