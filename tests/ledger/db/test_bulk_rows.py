"""The filler of large databases fills them with what a site could have made itself."""

from collections import Counter

from sqlalchemy import func, select

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.apply import Incoming, apply, have
from pointsync.ledger.record import Draft, record
from pointsync.ledger.verify import differences, flow_differences
from pointsync.models import Attempt, Customer, Delivery, Movement, Origin, Site, State
from tests.support.apps import reserve
from tests.support.bulk_rows import fill
from tests.support.moving_clock import START as NOW


def test_it_is_proof_against_the_proof_and_the_site_goes_on(app):
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
        record(session, [Draft("anna@shop.example", 5)], "test", NOW)
        fill(session, customers=300, movements=5_000, remotes=2)
        fill(session, customers=100, movements=2_000, remotes=1)
        fill(session, movements=500)
    with db.write() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 401
        assert session.scalar(select(func.count()).select_from(Movement)) == 7_501
        states = Counter(session.scalars(select(Delivery.state)))
        assert set(states) == set(State)
        assert states["delivered"] > 0.9 * states.total() > 5_000
        assert session.scalar(select(func.count()).select_from(Attempt)) == 150
    with db.write() as session:
        [made] = record(session, [Draft("anna@shop.example", 5)], "test", NOW)
        assert int(made.movement.id) == session.get_one(Site, 1).last_id
        origin = session.scalars(select(Origin.auth)).first()
        held = have(session, origin, reserve(session))
        assert held["count"] > 300
        news = [Incoming(str(int(held["max_id"]) + 1), "new@shop.example", 5)]
        assert apply(session, origin, reserve(session), news, NOW)[0].status == "applied"
        assert differences(session) == flow_differences(session) == []


def test_a_balance_stands_beside_each_movement(app):
    with db.write() as session:
        fill(session, customers=3, movements=60)
        fill(session, movements=30)
        sums: Counter = Counter()
        for movement in session.scalars(select(Movement).order_by(Movement.seq)):
            sums[movement.customer_id] += movement.points
            assert movement.balance == sums[movement.customer_id]
