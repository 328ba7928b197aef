"""Sending delivered movements again, because an admin asks for it. The other site applies each only once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session, aliased

from pointsync import clock
from pointsync.db import run_in_transaction
from pointsync.digests import DigestSum
from pointsync.errors import Conflict
from pointsync.ledger import audit_recorder
from pointsync.models import Customer, Delivery, DeliveryState, Movement, Remote
from pointsync.sync.comparison import delivered
from pointsync.sync.protocol.ping import WOOREWARDS
from pointsync.sync.remotes import remotes

CHUNK_SIZE = 2000


@dataclass(frozen=True, slots=True)
class Selection:
    """Which delivered movements to send again: those recorded here since a time, or of one customer, or all."""

    since: datetime | None = None
    email: str | None = None
    """Normalised."""


def count(session: Session, remote_id: int, selection: Selection) -> int:
    """How many delivered movements are selected. Raises NotFound, Conflict `not_pointsync`."""
    _get_remote(session, remote_id)
    query = select(func.count()).select_from(_select(remote_id, selection).subquery())
    return session.scalar(query) or 0


def log_request(session: Session, remote_id: int, selection: Selection, number: int) -> None:
    """Log that an admin sends `number` movements again."""
    remote = _get_remote(session, remote_id)
    after: dict[str, Any] = {"movements": number}
    if selection.since:
        after["since"] = clock.to_text(selection.since)
    if selection.email:
        after["customer"] = selection.email
    audit_recorder.log_action(session, "resent", "remote", remote_id, remote.display_name, after=after)


def enqueue_all(remote_id: int, selection: Selection, after_id: int = 0) -> Iterator[tuple[int, int | None]]:
    """Send all selected movements again, in parts. Yields what `enqueue_next_chunk` returns."""
    next_id: int | None = after_id
    while next_id is not None:
        number, next_id = run_in_transaction(
            partial(enqueue_next_chunk, remote_id=remote_id, after_id=next_id, selection=selection)
        )
        yield number, next_id


def enqueue_next_chunk(session: Session, remote_id: int, after_id: int, selection: Selection) -> tuple[int, int | None]:
    """Make the next delivered deliveries pending again. Return how many, and the id to continue after, or None.

    Raises NotFound for a remote that does not exist or is deleted, Conflict `not_pointsync`.
    """
    remote = _get_remote(session, remote_id)
    Remote.get_for_update(session, remote_id)
    query = _select(remote_id, selection).where(Delivery.id > after_id).order_by(Delivery.id).limit(CHUNK_SIZE)
    delivery_ids = session.scalars(query).all()
    if not delivery_ids:
        return 0, None
    counted_ids = session.scalars(
        select(Delivery.id).where(Delivery.id.in_(delivery_ids), Delivery.counted_condition())
    ).all()
    remote.delivered -= delivered.sum_deliveries(session, set(counted_ids)) if counted_ids else DigestSum()
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_(delivery_ids))
        .values(state=DeliveryState.PENDING, attempts=0, delivered_at=None, not_before=None),
        execution_options={"synchronize_session": False},
    )
    session.flush()
    return len(delivery_ids), delivery_ids[-1] if len(delivery_ids) == CHUNK_SIZE else None


def _get_remote(session: Session, remote_id: int) -> Remote:
    """The remote, if movements can be sent to it again."""
    remote = remotes.get(session, remote_id)
    if remote.dialect == WOOREWARDS:
        message = f"{remote.display_name} is a WooRewards shop. Only a PointSync site recognises all that it has."
        raise Conflict("not_pointsync", message)
    return remote


def _select(remote_id: int, selection: Selection) -> Select[int]:
    query = (
        select(Delivery.id)
        .join(Movement, Movement.seq == Delivery.movement_seq)
        .where(Delivery.remote_id == remote_id, Delivery.state_condition(DeliveryState.DELIVERED))
    )
    if selection.since:
        query = query.where(Movement.recorded_at >= selection.since)
    if selection.email:
        address = aliased(Customer)
        people = select(address.person_id()).where(address.email == selection.email).scalar_subquery()
        query = query.join(Customer, Customer.id == Movement.customer_id).where(Customer.person_id() == people)
    return query
