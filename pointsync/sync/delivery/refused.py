"""Deliveries that a remote refused, and the three ways to resolve them: send again, set aside, correct here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager

from pointsync.errors import Conflict, NotFound
from pointsync.ledger import movement_json
from pointsync.ledger.below_zero.shared_corrections import CORRECTION_SOURCE
from pointsync.ledger.people.members import find_people
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Customer, Delivery, DeliveryState, Movement, Remote, Reserve
from pointsync.text_limits import MAX_REASON_LENGTH, validate_text

MAX_LISTED = 200


@dataclass(frozen=True, slots=True)
class RefusedDelivery:
    """What an admin needs to know to resolve a refused delivery."""

    delivery: Delivery
    movement: Movement
    """With its customer and reserve."""
    remote: Remote
    balance: int
    """The customer's points in that reserve now."""
    delivered_to: tuple[Remote, ...]
    """The remotes that the movement was delivered to."""
    correction_id: str | None
    """The id of its correction here, if it was corrected because another remote refused it, too."""


def list_json(session: Session, remote_id: int | None = None) -> list[dict[str, Any]]:
    """`[{id, remote, code, message, movement}]` of unresolved refused deliveries, oldest first, at most 200."""
    query = (
        select(Delivery, Movement, Customer.email, Reserve.key)
        .join(Movement, Movement.seq == Delivery.movement_seq)
        .join(Customer, Customer.id == Movement.customer_id)
        .join(Reserve, Reserve.id == Movement.reserve_id)
        .join(Remote, Remote.id == Delivery.remote_id)
        .where(Delivery.state_condition(DeliveryState.FAILED), Remote.deleted_at.is_(None))
        .order_by(Delivery.id)
        .limit(MAX_LISTED)
    )
    if remote_id is not None:
        query = query.where(Delivery.remote_id == remote_id)
    return [
        {
            "id": delivery.id,
            "remote": delivery.remote_id,
            "code": delivery.code,
            "message": delivery.message,
            "movement": msgspec.to_builtins(movement_json.Movement.from_row(movement, email, reserve_key)),
        }
        for delivery, movement, email, reserve_key in session.execute(query)
    ]


def get(session: Session, delivery_id: int) -> RefusedDelivery:
    """A refused delivery. Raises NotFound, or Conflict if it is not refused (any more)."""
    delivery = _require_refused(session.get(Delivery, delivery_id, populate_existing=True), delivery_id)
    movement = _load_movement(session, delivery)
    customer_id = find_people(session, [movement.customer_id])[movement.customer_id]
    delivered_to = session.scalars(
        select(Remote)
        .join(Delivery, Delivery.remote_id == Remote.id)
        .where(Delivery.movement_seq == movement.seq, Delivery.state == DeliveryState.DELIVERED)
        .order_by(Remote.id)
    )
    return RefusedDelivery(
        delivery,
        movement,
        session.get_one(Remote, delivery.remote_id),
        session.get_one(Balance, (customer_id, movement.reserve_id)).points,
        tuple(delivered_to),
        session.scalar(
            select(Movement.id).where(Movement.source == CORRECTION_SOURCE, Movement.ref == _correction_ref(movement))
        ),
    )


def send_again(session: Session, delivery_id: int) -> None:
    """Make the delivery pending again, as if it was never sent. Raises NotFound or Conflict."""
    delivery = _lock_refused(session, delivery_id)
    delivery.state, delivery.attempts, delivery.not_before = DeliveryState.PENDING, 0, None
    session.flush()


def set_aside(session: Session, delivery_id: int, reason: str) -> None:
    """Do not send the delivery, for a stored reason. Raises NotFound, Conflict, or InvalidInput for `reason`."""
    delivery = _lock_refused(session, delivery_id)
    delivery.state = DeliveryState.SET_ASIDE
    delivery.message = validate_text(reason, MAX_REASON_LENGTH, "reason") or "Set aside by an admin."
    session.flush()


def correct(session: Session, delivery_id: int, now: datetime) -> str:
    """Take the movement's points back here, because it does not count there. Return the correction's id.

    The correction stays on this site, and the delivery is set aside. Raises NotFound or Conflict.
    """
    delivery = _lock_refused(session, delivery_id)
    movement = _load_movement(session, delivery)
    draft = Draft(
        movement.customer.email,
        -movement.points,
        reserve=movement.reserve.key,
        kind="correction",
        reason=f"Movement {movement.id} was refused by a remote site",
        # One per movement: if two remotes refuse it, it is corrected once.
        ref=_correction_ref(movement),
    )
    [recorded] = record(session, [draft], CORRECTION_SOURCE, now)
    delivery.state, delivery.message = DeliveryState.SET_ASIDE, f"Corrected here by movement {recorded.movement.id}."
    session.flush()
    return recorded.movement.id


def _load_movement(session: Session, delivery: Delivery) -> Movement:
    """The delivery's movement with its customer and reserve."""
    return session.scalars(
        select(Movement)
        .join(Movement.customer)
        .join(Movement.reserve)
        .options(contains_eager(Movement.customer), contains_eager(Movement.reserve))
        .where(Movement.seq == delivery.movement_seq)
    ).one()


def _lock_refused(session: Session, delivery_id: int) -> Delivery:
    delivery = session.get(Delivery, delivery_id, with_for_update=True, populate_existing=True)
    return _require_refused(delivery, delivery_id)


def _require_refused(delivery: Delivery | None, delivery_id: int) -> Delivery:
    if delivery is None:
        raise NotFound("unknown_delivery", f"There is no delivery {delivery_id}. See the list of refused movements.")
    if delivery.state != DeliveryState.FAILED:
        message = (
            f"Delivery {delivery_id} is not refused (its state is: {delivery.state}), so there is nothing to resolve."
        )
        raise Conflict("not_refused", message)
    return delivery


def _correction_ref(movement: Movement) -> str:
    """The ref of the movement's correction."""
    return f"refused:{movement.id}"
