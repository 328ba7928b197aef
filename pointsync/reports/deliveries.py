"""Deliveries to remotes with their states, newest first."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session, contains_eager

from pointsync.db import keyset
from pointsync.errors import InvalidInput
from pointsync.ledger import customers
from pointsync.ledger.people.members import of_customer
from pointsync.models import Delivery, DeliveryState, Movement, Remote
from pointsync.models.delivery import OPEN_STATES
from pointsync.reports import newest

ANY_WAITING = "waiting"
STATES = (*(state.value for state in DeliveryState), ANY_WAITING)


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery, its movement with customer and reserve, and its remote, which may be deleted."""

    delivery: Delivery
    movement: Movement
    remote: Remote


def list_page(
    session: Session,
    *,
    remote_id: int | None = None,
    state: str | None = None,
    customer: str | None = None,
    cursor: str | None = None,
    size: int = 20,
) -> keyset.Page[DeliveryRow]:
    """A page of deliveries, newest first, narrowed by remote, state (also `waiting`) and customer (an e-mail address).

    Three queries; two more with a customer, and one more when going back to the first page.

    Without a filter, the query uses the primary key. With a remote or a state, it reads the newest rows of each remote
    and state from the partial index of the state on (remote_id, id), and merges them. With a customer, it uses the
    movements' index on (customer_id, seq) and the deliveries' index on (movement_seq, remote_id): the newest movement
    comes first, and the customer's deliveries that do not match the other filters are skipped.

    Raises InvalidInput for `state`, `cursor`, `size` or the e-mail address, NotFound for an unknown customer.
    """
    states = _parse_states(state)
    remotes = {remote.id: remote for remote in session.scalars(select(Remote))}
    remote_ids = [each for each in remotes if remote_id in (None, each)]
    if customer is None:
        queries = [_select_ids(each_id, each_state) for each_id in remote_ids for each_state in states]
        is_filtered = remote_id is not None or state is not None
        found = _page_by_id(session, queries if is_filtered else [select(Delivery.id)], cursor, size)
    else:
        found = _page_by_movement(
            session, build_conditions(session, remote_id, state, customers.get(session, customer).id), cursor, size
        )
    rows = {delivery.id: (delivery, movement) for delivery, movement in _load_rows(session, found.rows)}
    return found.with_rows([DeliveryRow(*rows[each], remotes[rows[each][0].remote_id]) for each in found.rows])


def build_conditions(
    session: Session, remote_id: int | None, state: str | None, customer_id: int | None
) -> list[ColumnElement[bool]]:
    """The conditions for the filters of `list_page`. Raises InvalidInput for `state`."""
    conditions: list[ColumnElement[bool]] = []
    if customer_id is not None:
        conditions.append(of_customer(session, customer_id))
    if remote_id is not None:
        conditions.append(Delivery.remote_id == remote_id)
    if state is not None:
        conditions.append(or_(*(Delivery.state_condition(each) for each in _parse_states(state))))
    return conditions


def _parse_states(state: str | None) -> list[DeliveryState]:
    if state is not None and state not in STATES:
        raise InvalidInput("state", f"The state must be one of {', '.join(STATES)}.")
    return (
        list(OPEN_STATES) if state == ANY_WAITING else list(DeliveryState) if state is None else [DeliveryState(state)]
    )


def _select_ids(remote_id: int, state: DeliveryState) -> Select[Any]:
    return select(Delivery.id).where(Delivery.remote_id == remote_id, Delivery.state_condition(state))


def _page_by_id(session: Session, queries: list[Select[Any]], cursor: str | None, size: int) -> keyset.Page[int]:
    def fetch(request: keyset.PageRequest) -> list[int]:
        return newest.fetch_ids(session, queries, Delivery.id.expression, request)

    return keyset.fetch_page(cursor, size, (int,), fetch, lambda delivery_id: (delivery_id,))


def _page_by_movement(
    session: Session, conditions: list[ColumnElement[bool]], cursor: str | None, size: int
) -> keyset.Page[int]:
    order = (Movement.seq.expression, Delivery.remote_id.expression)
    query: Any = select(Delivery.id, *order).join(Movement, Movement.seq == Delivery.movement_seq).where(*conditions)

    def fetch(request: keyset.PageRequest) -> list[tuple[int, int, int]]:
        narrowed = request.apply_to(query, *order, is_descending=True)
        if request.key is not None:  # repeated for one column, because no index covers both
            seq = request.key[0]
            narrowed = narrowed.where(Movement.seq >= seq if request.is_backwards else Movement.seq <= seq)
        return [tuple(row) for row in session.execute(narrowed)]

    found = keyset.fetch_page(cursor, size, (int, int), fetch, lambda row: row[1:])
    return found.with_rows([row[0] for row in found.rows])


def _load_rows(session: Session, delivery_ids: list[int]) -> list[tuple[Delivery, Movement]]:
    query = (
        select(Delivery, Movement)
        .join(Movement, Movement.seq == Delivery.movement_seq)
        .join(Movement.customer)
        .join(Movement.reserve)
        .options(contains_eager(Movement.customer), contains_eager(Movement.reserve))
        .where(Delivery.id.in_(delivery_ids))
    )
    return [(delivery, movement) for delivery, movement in session.execute(query)]
