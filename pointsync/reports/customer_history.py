"""A customer's history as an admin reads it: what was made where, and where it was delivered."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, contains_eager

from pointsync.config import Config
from pointsync.db import keyset
from pointsync.models import Customer, Delivery, Movement, Reserve, State
from pointsync.sync.site import names


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a movement on the way to one remote."""

    delivery_id: int
    remote_id: int
    remote: str
    """The remote's name, or its URL."""
    state: State
    delivered_at: datetime | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A movement with its reserve, the name of the site where it was made, and its deliveries."""

    movement: Movement
    origin: str
    sent: tuple[Sent, ...]


def page(
    session: Session,
    config: Config,
    customer: Customer,
    *,
    reserve: Reserve | None = None,
    cursor: str | None = None,
    size: int = 20,
) -> keyset.Page[Entry]:
    """A page of the customer's movements, newest first: five queries, six on the way back to the first page.

    The index on (customer, seq) serves it; with a `reserve` it passes over the same customer's movements in
    others. Raises Invalid for `cursor` or `size`.
    """
    query = (
        select(Movement)
        .join(Movement.reserve)
        .options(contains_eager(Movement.reserve))
        .where(*which(customer.id, reserve.id if reserve else None))
    )

    def read(step: keyset.Step) -> list[Movement]:
        return list(session.scalars(step.narrow(query, Movement.seq.expression, is_descending=True)))

    found = keyset.turn(cursor, size, (int,), read, lambda movement: (movement.seq,))
    known = names.read(session, config)
    sent = _sent(session, [movement.seq for movement in found.rows], known)
    return found.showing(
        [Entry(movement, known.origin(movement.origin), tuple(sent[movement.seq])) for movement in found.rows]
    )


def which(customer_id: int, reserve_id: int | None = None) -> list[ColumnElement[bool]]:
    """That a movement is the customer's, and in that reserve where one is named."""
    of_reserve = [] if reserve_id is None else [Movement.reserve_id == reserve_id]
    return [Movement.customer_id == customer_id, *of_reserve]


def _sent(session: Session, seqs: list[int], known: names.Names) -> dict[int, list[Sent]]:
    sent: dict[int, list[Sent]] = {seq: [] for seq in seqs}
    query = select(Delivery).where(Delivery.movement_seq.in_(seqs)).order_by(Delivery.movement_seq, Delivery.remote_id)
    for each in session.scalars(query):
        sent[each.movement_seq].append(
            Sent(
                each.id,
                each.remote_id,
                known.remote(each.remote_id),
                State(each.state),
                each.delivered_at,
                each.message,
            )
        )
    return sent
