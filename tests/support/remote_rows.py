"""Helpers: remotes on the Remote sites list, and movements for them."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import db, leases
from pointsync.ledger.record import Draft, record
from pointsync.models import Delivery, DeliveryState, Movement, Remote
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import remotes, sharing_key
from tests.support.moving_clock import START

AUTH = "wrk_0123456789abcdef"
OTHER_AUTH = "wrk_fedcba9876543210"
PASS = "wrs_AbCdEf0123456789"
ANNA = "anna@shop.example"


def remote_input(auth: str = AUTH, **changes: str) -> sharing_key.RemoteInput:
    """A remote as an admin enters it."""
    fields: dict[str, Any] = {
        "sharing_key": None,
        "url": "https://other.example",
        "auth": auth,
        "password": PASS,
        "target_reserve": "default",
        "observed_reserve": "default",
        "query_template": None,
    }
    return sharing_key.parse(**(fields | changes))


def add_remote(
    auth: str = AUTH, now: datetime = START, with_backfill: bool = False, reopen: bool = False, **changes: str
) -> int:
    """Add a remote and return its id; a worker runs that could send to it."""
    with db.transaction() as session:
        leases.record_heartbeat(session, get_runtime().worker_id)
        remote = remotes.add(
            session, get_runtime().vault, remote_input(auth, **changes), now, with_backfill=with_backfill, reopen=reopen
        )
        return remote.id


def record_points(*points: int, now: datetime = START, **more: Any) -> None:
    """Record movements of Anna's in one transaction."""
    with db.transaction() as session:
        record(session, [Draft(ANNA, each, **more) for each in points], "test", now)


def get_remote(session: Session, remote_id: int) -> Remote:
    """A remote, deleted or not."""
    return session.get_one(Remote, remote_id, populate_existing=True)


def outstanding_points(remote_id: int, state: DeliveryState | None = DeliveryState.PENDING) -> list[int]:
    """The points of a remote's deliveries in `state`, in sending order; None: in any state."""
    with db.transaction() as session:
        query = (
            select(Movement.points)
            .join(Delivery, Delivery.movement_seq == Movement.seq)
            .where(Delivery.remote_id == remote_id)
            .order_by(Delivery.id)
        )
        return list(session.scalars(query if state is None else query.where(Delivery.state == state)))


def set_delivery_states(remote_id: int, state: DeliveryState = DeliveryState.DELIVERED, **values: Any) -> None:
    """Put all pending deliveries of a remote into `state`."""
    with db.transaction() as session:
        for delivery in session.scalars(
            select(Delivery).where(Delivery.remote_id == remote_id, Delivery.state == DeliveryState.PENDING)
        ):
            delivery.state = state
            for name, value in values.items():
                setattr(delivery, name, value)
