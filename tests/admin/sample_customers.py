"""Customers as they stand in the panel: of every kind of movement, from everywhere, delivered and not."""

from datetime import timedelta

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger import reserves
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.record import Draft, record
from pointsync.models import Delivery, Movement, Origin, State
from tests.admin.sample_remotes import MADE, add_four
from tests.support.site_template import change

LONG = "a" * 64 + "@" + ".".join(["b" * 61, "c" * 61, "d" * 61, "example"])[-189:]
GOLD = "Gold points, which only those get who have been here for a year"
STRANGER = "wrk_00000000000000ff"


def add_reserves(session: Session) -> None:
    """Two more, one of which may go below zero."""
    reserves.add(session, "gold", GOLD, MADE)
    reserves.add(session, "stamps", "Stamps", MADE, may_go_below_zero=True)


def sell(session: Session, email: str, *points: int, reserve: str = "default", after: int = 0) -> int:
    """Movements made here, a minute after each other; the customer's row number."""
    made = [
        record(session, [Draft(email, number, reserve=reserve)], "test", MADE + timedelta(minutes=after + at))[0]
        for at, number in enumerate(points)
    ]
    return made[-1].movement.customer_id


def receive(session: Session, email: str, points: int, origin: str, id: str = "1") -> None:
    """A movement that another site made."""
    if session.get(Origin, origin) is None:
        session.add(Origin(auth=origin, first_seen_at=MADE))
        session.flush()
    at = MADE - timedelta(hours=2)
    apply(session, origin, reserves.get(session, "default"), [Incoming(id, email, points, at=at)], MADE)


def set_state(session: Session, seq: int, **states: tuple[State, str | None]) -> None:
    """Let the deliveries of a movement stand so, by `remote_N`; the others are delivered."""
    for delivery in session.scalars(select(Delivery).where(Delivery.movement_seq == seq)):
        state, message = states.get(f"remote_{delivery.remote_id}", (State.DELIVERED, None))
        delivery.state, delivery.message, delivery.attempts = state, message, 1
        delivery.delivered_at = MADE + timedelta(seconds=1) if state is State.DELIVERED else None


def fill_history(app: Flask, email: str = "anna@shop.test") -> int:
    """Every kind of line that a history has; the customer's row number. Two more reserves, four remotes."""

    def make(session: Session) -> int:
        add_reserves(session)
        add_four(session)
        drafts = {
            "api:Shop till": Draft(email, 100, reason="Order 1001", ref="1"),
            "hook:Mugs": Draft(email, -30, kind="spend", reason="Order 1002", ref="2"),
            "admin:Ada": Draft(email, set_to=50, kind="manual", ref="3"),
            "command": Draft(email, 7, kind="opening", ref="4"),
            "none": Draft(email, 1250, reserve="gold"),
            "nobody": Draft(email, -5, reserve="stamps", kind="manual"),
        }
        made = [record(session, [draft], source, MADE)[0].movement for source, draft in drafts.items()]
        receive(session, email, -90, "wrk_0000000000000002")
        receive(session, email, 3, STRANGER)
        record(session, [Draft(email, 2, kind="refund")], "test", MADE)
        return made[0].customer_id

    def settle(session: Session) -> None:
        seqs = session.scalars(select(Movement.seq).where(Movement.ref.is_not(None)).order_by(Movement.ref)).all()
        set_state(session, seqs[0])
        refused, unknown = "It holds this id with other points.", "No such customer there."
        set_state(session, seqs[1], remote_3=(State.FAILED, refused), remote_4=(State.UNKNOWN, unknown))
        set_state(session, seqs[2], remote_2=(State.ASIDE, "Dropped when its line was deleted."))

    row = change(app, make)
    change(app, settle)
    return row
