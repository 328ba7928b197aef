"""Deliveries that somebody deletes in the database are restored."""

import pytest
from flask import Flask
from sqlalchemy import delete, select

from pointsync import db
from pointsync.ledger.integrity import lost_deliveries
from pointsync.models import Delivery, DeliveryState, LostDelivery, Movement, Remote
from pointsync.schedule import ticks
from pointsync.sync.comparison import delivered
from tests.support.remote_rows import add_remote, record_points, set_delivery_states


@pytest.fixture(autouse=True)
def remote_id(app: Flask) -> int:
    """A remote with three movements."""
    remote_id = add_remote()
    record_points(1, 2, 3)
    return remote_id


def read_deliveries() -> list[tuple[object, ...]]:
    columns = (Delivery.movement_seq, Delivery.remote_id, Delivery.state, Delivery.delivered_at, Delivery.is_history)
    with db.transaction() as session:
        return [tuple(row) for row in session.execute(select(*columns).order_by(Delivery.movement_seq))]


@pytest.mark.parametrize("state", [DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.SET_ASIDE])
def test_they_are_as_they_were(remote_id: int, state: DeliveryState) -> None:
    set_delivery_states(remote_id, state)
    with db.transaction() as session:
        remote = session.get_one(Remote, remote_id)
        delivered.recount(session, remote)
        sum_before = remote.delivered
    before = read_deliveries()
    with db.transaction() as session:
        session.execute(delete(Delivery).where(Delivery.movement_seq > 1))
    assert len(read_deliveries()) == 1
    ticks._process_manual_edits()
    assert read_deliveries() == before
    with db.transaction() as session:
        assert session.get_one(Remote, remote_id, populate_existing=True).delivered == sum_before
        assert not lost_deliveries.are_waiting(session)


def test_one_that_is_there_again_stays(remote_id: int) -> None:
    set_delivery_states(remote_id, DeliveryState.DELIVERED)
    with db.transaction() as session:
        session.execute(delete(Delivery).where(Delivery.movement_seq == 2))
        session.add(Delivery(movement_seq=2, remote_id=remote_id))
    ticks._process_manual_edits()
    assert [row[2] for row in read_deliveries()] == ["delivered", "pending", "delivered"]


def test_with_its_movement_the_sums_are_counted_anew(remote_id: int) -> None:
    set_delivery_states(remote_id, DeliveryState.DELIVERED)
    with db.transaction() as session:
        delivered.recount(session, session.get_one(Remote, remote_id))
        session.execute(delete(Delivery).where(Delivery.movement_seq == 2))
        session.execute(delete(Movement).where(Movement.seq == 2))
    ticks._process_manual_edits()
    with db.transaction() as session:
        assert session.get_one(Remote, remote_id, populate_existing=True).delivered.count == 2
        assert session.scalars(select(LostDelivery)).all() == []
