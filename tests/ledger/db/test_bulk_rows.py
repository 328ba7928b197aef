"""`bulk_rows` fills large databases with rows that a site could have written itself."""

from collections import Counter

from sqlalchemy import func, select

from pointsync import db
from pointsync.ledger import received_summary, reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.integrity.verify import find_balance_differences, find_hourly_total_differences
from pointsync.ledger.record import Draft, record
from pointsync.models import Attempt, Customer, Delivery, DeliveryState, Movement, Origin, Site
from tests.support.apps import get_reserve
from tests.support.bulk_rows import insert_rows
from tests.support.moving_clock import START as NOW


def test_the_copy_is_valid_and_the_site_goes_on(app):
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
        record(session, [Draft("anna@shop.example", 5)], "test", NOW)
        insert_rows(session, customers=300, movements=5_000, remotes=2)
        insert_rows(session, customers=100, movements=2_000, remotes=1)
        insert_rows(session, movements=500)
    with db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 401
        assert session.scalar(select(func.count()).select_from(Movement)) == 7_501
        states = Counter(session.scalars(select(Delivery.state)))
        assert set(states) == set(DeliveryState)
        assert states["delivered"] > 0.9 * states.total() > 5_000
        assert session.scalar(select(func.count()).select_from(Attempt)) == 150
    with db.transaction() as session:
        [result] = record(session, [Draft("anna@shop.example", 5)], "test", NOW)
        assert int(result.movement.id) == session.get_one(Site, 1).last_id
        origin = session.scalars(select(Origin.auth)).first()
        held = received_summary.get_have(session, origin, get_reserve(session).id)
        assert held["count"] > 300
        incoming = [IncomingMovement(str(int(held["max_id"]) + 1), "new@shop.example", 5)]
        assert apply(session, origin, get_reserve(session), incoming, NOW)[0].status == "applied"
        assert find_balance_differences(session) == find_hourly_total_differences(session) == []


def test_each_movement_has_the_balance_after_it(app):
    with db.transaction() as session:
        insert_rows(session, customers=3, movements=60)
        insert_rows(session, movements=30)
        sums: Counter = Counter()
        for movement in session.scalars(select(Movement).order_by(Movement.seq)):
            sums[movement.customer_id] += movement.points
            assert movement.balance == sums[movement.customer_id]
