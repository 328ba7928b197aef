"""Customers with every kind of movement, from several sites, delivered and not."""

from datetime import timedelta

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.record import Draft, record
from pointsync.models import Delivery, DeliveryState, Movement, Origin
from tests.admin.sample_remotes import CREATED_AT, add_remote_of_each_status
from tests.support.site_template import run_in_transaction

LONG_EMAIL = "a" * 64 + "@" + ".".join(["b" * 61, "c" * 61, "d" * 61, "example"])[-189:]
LONG_RESERVE_NAME = "Gold points, which only those get who have been here for a year"
UNKNOWN_AUTH = "wrk_00000000000000ff"


def add_reserves(session: Session) -> None:
    """Add two reserves; one of them may go below zero."""
    reserves.create(session, "gold", LONG_RESERVE_NAME, CREATED_AT)
    reserves.create(session, "stamps", "Stamps", CREATED_AT, may_go_below_zero=True)


def record_points(session: Session, email: str, *points: int, reserve: str = "default", after: int = 0) -> int:
    """Record movements a minute apart, the first `after` minutes; the customer's row id."""
    recorded = [
        record(session, [Draft(email, number, reserve=reserve)], "test", CREATED_AT + timedelta(minutes=after + at))[0]
        for at, number in enumerate(points)
    ]
    return recorded[-1].movement.customer_id


def apply_movement(session: Session, email: str, points: int, origin: str, id: str = "1") -> None:
    """Apply a movement of another site."""
    if session.get(Origin, origin) is None:
        session.add(Origin(auth=origin, first_seen_at=CREATED_AT))
        session.flush()
    at = CREATED_AT - timedelta(hours=2)
    apply(session, origin, reserves.get(session, "default"), [IncomingMovement(id, email, points, at=at)], CREATED_AT)


def set_delivery_states(session: Session, seq: int, **states: tuple[DeliveryState, str | None]) -> None:
    """Set the states of a movement's deliveries, by `remote_N`; the others become delivered."""
    for delivery in session.scalars(select(Delivery).where(Delivery.movement_seq == seq)):
        state, message = states.get(f"remote_{delivery.remote_id}", (DeliveryState.DELIVERED, None))
        delivery.state, delivery.message, delivery.attempts = state, message, 1
        delivery.delivered_at = CREATED_AT + timedelta(seconds=1) if state is DeliveryState.DELIVERED else None


def create_customer_history(app: Flask, email: str = "anna@shop.test") -> int:
    """Create a customer with every kind of row that a history shows, two more reserves and four remotes; the row id."""

    def create(session: Session) -> int:
        add_reserves(session)
        add_remote_of_each_status(session)
        drafts = {
            "api:Shop till": Draft(email, 100, reason="Order 1001", ref="1"),
            "hook:Mugs": Draft(email, -30, kind="spend", reason="Order 1002", ref="2"),
            "admin:Ada": Draft(email, set_to=50, kind="manual", ref="3"),
            "command": Draft(email, 7, kind="opening", ref="4"),
            "none": Draft(email, 1250, reserve="gold"),
            "nobody": Draft(email, -5, reserve="stamps", kind="manual"),
        }
        movements = [record(session, [draft], source, CREATED_AT)[0].movement for source, draft in drafts.items()]
        apply_movement(session, email, -90, "wrk_0000000000000002")
        apply_movement(session, email, 3, UNKNOWN_AUTH)
        record(session, [Draft(email, 2, kind="refund")], "test", CREATED_AT)
        return movements[0].customer_id

    def set_states(session: Session) -> None:
        seqs = session.scalars(select(Movement.seq).where(Movement.ref.is_not(None)).order_by(Movement.ref)).all()
        set_delivery_states(session, seqs[0])
        refused, unknown = "It holds this id with other points.", "No such customer there."
        set_delivery_states(
            session, seqs[1], remote_3=(DeliveryState.FAILED, refused), remote_4=(DeliveryState.UNKNOWN, unknown)
        )
        set_delivery_states(session, seqs[2], remote_2=(DeliveryState.SET_ASIDE, "Dropped when its line was deleted."))

    customer_id = run_in_transaction(app, create)
    run_in_transaction(app, set_states)
    return customer_id
