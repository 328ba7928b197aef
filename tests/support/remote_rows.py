"""What the tests of this tier share: lines of the Remote sites list, and movements for them."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.ledger.record import Draft, record
from pointsync.models import Delivery, Movement, Remote, State
from pointsync.runtime import runtime
from pointsync.sync.remotes import remotes, sharing_key
from tests.support.moving_clock import START

AUTH = "wrk_0123456789abcdef"
OTHER_AUTH = "wrk_fedcba9876543210"
PASS = "wrs_AbCdEf0123456789"
ANNA = "anna@shop.example"


def typed(auth: str = AUTH, **changes: str) -> sharing_key.Typed:
    """A line as an admin types it."""
    fields: dict[str, Any] = {
        "sharing_key": None,
        "url": "https://other.example",
        "auth": auth,
        "password": PASS,
        "target": "default",
        "observed": "default",
        "template": None,
    }
    return sharing_key.read(**(fields | changes))


def added(
    auth: str = AUTH, now: datetime = START, with_history: bool = False, go_on: bool = False, **changes: str
) -> int:
    """The id of a new line."""
    with db.write() as session:
        line = remotes.add(
            session, runtime().vault, typed(auth, **changes), now, with_history=with_history, go_on=go_on
        )
        return line.id


def sold(*points: int, now: datetime = START, **more: Any) -> None:
    """Record movements of Anna's, one transaction for all."""
    with db.write() as session:
        record(session, [Draft(ANNA, each, **more) for each in points], "test", now)


def line(session: Session, remote_id: int) -> Remote:
    """A line, deleted or not."""
    return session.get_one(Remote, remote_id, populate_existing=True)


def owed(remote_id: int, state: State | None = State.PENDING) -> list[int]:
    """The points of what the remote is owed, in the order of sending; of every state with None."""
    with db.write() as session:
        query = (
            select(Movement.points)
            .join(Delivery, Delivery.movement_seq == Movement.seq)
            .where(Delivery.remote_id == remote_id)
            .order_by(Delivery.id)
        )
        return list(session.scalars(query if state is None else query.where(Delivery.state == state)))


def settled(remote_id: int, state: State = State.DELIVERED, **values: Any) -> None:
    """Let all that waits for the remote have come to `state`."""
    with db.write() as session:
        for delivery in session.scalars(
            select(Delivery).where(Delivery.remote_id == remote_id, Delivery.state == State.PENDING)
        ):
            delivery.state = state
            for name, value in values.items():
                setattr(delivery, name, value)
