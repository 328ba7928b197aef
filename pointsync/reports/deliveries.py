"""What is owed to the remotes and what became of it: deliveries, newest first."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session, contains_eager

from pointsync.db import keyset
from pointsync.errors import Invalid
from pointsync.ledger import customers
from pointsync.models import Delivery, Movement, Remote, State
from pointsync.models.delivery import WAITING
from pointsync.reports import newest

WAITS = "waiting"
STATES = (*(state.value for state in State), WAITS)


@dataclass(frozen=True, slots=True)
class Owed:
    """A delivery; its movement, with customer and reserve; the line that it is owed to, deleted or not."""

    delivery: Delivery
    movement: Movement
    remote: Remote


def page(
    session: Session,
    *,
    remote_id: int | None = None,
    state: str | None = None,
    customer: str | None = None,
    cursor: str | None = None,
    size: int = 20,
) -> keyset.Page[Owed]:
    """A page of deliveries, newest first, by any of the three filters; `state` may be `waiting`, too.

    Three queries; one more for a customer, and one more on the way back to the first page.

    Without a filter the primary key serves it. By remote, by state or both: for each line and state the
    newest, by the state's own partial index on (remote_id, id), merged. By customer, spelled in any way: the
    movements' index on (customer_id, seq), then the deliveries' on (movement_seq, remote_id); so the newest
    movement stands first, and the same customer's deliveries in other states, or to others, are passed over.

    Raises Invalid for `state`, `cursor`, `size` or no e-mail address, NotFound for an unknown customer.
    """
    states = _states(state)
    remotes = {remote.id: remote for remote in session.scalars(select(Remote))}
    lines = [each for each in remotes if remote_id in (None, each)]
    if customer is None:
        lists = [_of(line, each) for line in lines for each in states]
        is_filtered = remote_id is not None or state is not None
        found = _by_id(session, lists if is_filtered else [select(Delivery.id)], cursor, size)
    else:
        found = _by_movement(session, which(remote_id, state, customers.get(session, customer).id), cursor, size)
    rows = {delivery.id: (delivery, movement) for delivery, movement in _rows(session, found.rows)}
    return found.showing([Owed(*rows[each], remotes[rows[each][0].remote_id]) for each in found.rows])


def which(remote_id: int | None, state: str | None, customer_id: int | None) -> list[ColumnElement[bool]]:
    """That a delivery is what the filters of `page` ask for. Raises Invalid for `state`."""
    found: list[ColumnElement[bool]] = []
    if customer_id is not None:
        found.append(Movement.customer_id == customer_id)
    if remote_id is not None:
        found.append(Delivery.remote_id == remote_id)
    if state is not None:
        found.append(or_(*(Delivery.is_in(each) for each in _states(state))))
    return found


def _states(state: str | None) -> list[State]:
    if state is not None and state not in STATES:
        raise Invalid("state", f"The state must be one of {', '.join(STATES)}.")
    return list(WAITING) if state == WAITS else list(State) if state is None else [State(state)]


def _of(remote_id: int, state: State) -> Select[Any]:
    return select(Delivery.id).where(Delivery.remote_id == remote_id, Delivery.is_in(state))


def _by_id(session: Session, lists: list[Select[Any]], cursor: str | None, size: int) -> keyset.Page[int]:
    def read(step: keyset.Step) -> list[int]:
        return newest.ids(session, lists, Delivery.id.expression, step)

    return keyset.turn(cursor, size, (int,), read, lambda delivery_id: (delivery_id,))


def _by_movement(
    session: Session, wanted: list[ColumnElement[bool]], cursor: str | None, size: int
) -> keyset.Page[int]:
    order = (Movement.seq.expression, Delivery.remote_id.expression)
    query: Any = select(Delivery.id, *order).join(Movement, Movement.seq == Delivery.movement_seq).where(*wanted)

    def read(step: keyset.Step) -> list[tuple[int, int, int]]:
        narrowed = step.narrow(query, *order, is_descending=True)
        if step.key is not None:  # said again of the one column, since no index holds the pair
            seq = step.key[0]
            narrowed = narrowed.where(Movement.seq >= seq if step.is_backwards else Movement.seq <= seq)
        return [tuple(row) for row in session.execute(narrowed)]

    found = keyset.turn(cursor, size, (int, int), read, lambda row: row[1:])
    return found.showing([row[0] for row in found.rows])


def _rows(session: Session, delivery_ids: list[int]) -> list[tuple[Delivery, Movement]]:
    query = (
        select(Delivery, Movement)
        .join(Movement, Movement.seq == Delivery.movement_seq)
        .join(Movement.customer)
        .join(Movement.reserve)
        .options(contains_eager(Movement.customer), contains_eager(Movement.reserve))
        .where(Delivery.id.in_(delivery_ids))
    )
    return [(delivery, movement) for delivery, movement in session.execute(query)]
