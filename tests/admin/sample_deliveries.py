"""Deliveries in each state, for the lists of System › Activity."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.record import Draft, record
from pointsync.models import Attempt, Delivery, DeliveryState, Movement, Remote, Reserve, StatusChange
from tests.admin import sample_remotes

ALICE = "alice@shop.test"
BEN = "ben@shop.test"
TEA_SHOP_AUTH = "wrk_" + "1" * 16
REFUSAL = "It holds this id with other points."


def add_remote(session: Session, name: str = "Tea shop", auth: str = TEA_SHOP_AUTH) -> Remote:
    """Add a green remote."""
    remote = sample_remotes.add_remote(session, f"https://{name.split()[0].lower()}.test", auth)
    remote.name, remote.status, remote.status_text = name, "green", "In step."
    return remote


def record_points(session: Session, *points: int, customer: str = ALICE, reason: str = "") -> None:
    """Record movements; each has a delivery to every remote."""
    drafts = [Draft(customer, each, reason=reason, has_happened=True) for each in points]
    record(session, drafts, "test", sample_remotes.CREATED_AT)


def set_delivery_state(session: Session, points: int, state: DeliveryState, **values: Any) -> int:
    """Set the state and other columns of the deliveries of the movement with so many points; the first one's id."""
    query = select(Delivery).join(Movement, Movement.seq == Delivery.movement_seq).where(Movement.points == points)
    deliveries = list(session.scalars(query.order_by(Delivery.id)))
    for delivery in deliveries:
        delivery.state = state
        for name, value in values.items():
            setattr(delivery, name, value)
    return deliveries[0].id


def add_all_states(session: Session) -> None:
    """Add a remote and five movements: one delivery in each state, the pending one the newest."""
    add_remote(session)
    record_points(session, 1, 2, 3, 4, reason="Order 12 & more")
    record_points(session, -5, customer=BEN)
    now = clock.now()
    set_delivery_state(
        session, 1, DeliveryState.DELIVERED, attempts=2, delivered_at=sample_remotes.CREATED_AT + timedelta(hours=1)
    )
    set_delivery_state(session, 2, DeliveryState.FAILED, attempts=3, code="conflict", message=REFUSAL)
    set_delivery_state(session, 3, DeliveryState.UNKNOWN, attempts=0, not_before=now + timedelta(days=1))
    set_delivery_state(session, 4, DeliveryState.SET_ASIDE, attempts=1, message="Given by hand.")


def overdraw(session: Session, *points: int, customer: str = ALICE, first_id: int = 1) -> None:
    """Apply spends of another site that take the customer below zero."""
    reserve = session.scalars(select(Reserve).where(Reserve.key == "default")).one()
    for number, each in enumerate(points, start=first_id):
        incoming = IncomingMovement(str(number), customer, points=-each, kind="spend", reason="Spent there")
        apply(session, TEA_SHOP_AUTH, reserve, [incoming], clock.now())


def add_attempts(session: Session, remote_id: int = 1) -> None:
    """Add an attempt of each outcome; the newest is in progress."""
    first_started_at = sample_remotes.CREATED_AT
    for minutes, code, deliveries, delivered, message in (
        (0, "ok", 1200, 1200, None),
        (1, "ok", 10, 9, None),
        (2, "timeout", 3, 0, "tea.test did not answer within 10 seconds."),
        (3, "bad_answer", 3, 0, None),
        (4, None, 5, 0, None),
    ):
        started_at = first_started_at + timedelta(minutes=minutes)
        ended_at = started_at + timedelta(milliseconds=250 * 20**minutes) if code else None
        session.add(
            Attempt(
                remote_id=remote_id,
                started_at=started_at,
                ended_at=ended_at,
                first_delivery_id=1,
                deliveries=deliveries,
                delivered=delivered,
                code=code,
                message=message,
            )
        )
    session.add(Attempt(remote_id=remote_id, started_at=clock.now(), first_delivery_id=1, deliveries=7))


def add_status_changes(session: Session, remote_id: int = 1) -> None:
    """Add two status changes of a remote: to green, then to red."""
    for minutes, before, after, words in (
        (0, "none", "green", "In step."),
        (9, "green", "error", "tea.test refuses these credentials."),
    ):
        at = sample_remotes.CREATED_AT + timedelta(minutes=minutes)
        session.add(StatusChange(remote_id=remote_id, at=at, before=before, after=after, words=words))
