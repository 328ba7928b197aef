"""A customer's history for admins: their movements with the sites they come from and the sites they went to."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, contains_eager

from pointsync.config import Config
from pointsync.db import keyset
from pointsync.ledger.people.members import list_members, of_customer
from pointsync.models import Customer, Delivery, DeliveryState, Movement, Reserve
from pointsync.reports import newest
from pointsync.sync.site import names


@dataclass(frozen=True, slots=True)
class RemoteDelivery:
    """The delivery of a movement to one remote."""

    delivery_id: int
    remote_id: int
    remote_name: str
    """The name of the remote, or its URL."""
    state: DeliveryState
    delivered_at: datetime | None
    message: str | None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A movement with its reserve, the name of the site that recorded it, and its deliveries."""

    movement: Movement
    origin_name: str
    deliveries: tuple[RemoteDelivery, ...]


def list_page(
    session: Session,
    config: Config,
    customer: Customer,
    *,
    reserve: Reserve | None = None,
    cursor: str | None = None,
    size: int = 20,
) -> keyset.Page[HistoryEntry]:
    """A page of the customer's movements, newest first. Seven queries; eight when going back to the first page.

    Each of the customer's addresses is read from the index on (customer_id, seq). With a `reserve`, the movements in
    other reserves are skipped. Raises InvalidInput for `cursor` or `size`.
    """
    query = select(Movement).join(Movement.reserve).options(contains_eager(Movement.reserve))
    of_reserve = [] if reserve is None else [Movement.reserve_id == reserve.id]
    queries = [
        select(Movement.seq).where(Movement.customer_id == address_id, *of_reserve)
        for address_id in list_members(session, customer.id)
    ]

    def fetch(request: keyset.PageRequest) -> list[Movement]:
        seqs = newest.fetch_ids(session, queries, Movement.seq.expression, request)
        found = session.scalars(query.where(Movement.seq.in_(seqs))).all()
        return sorted(found, key=lambda movement: seqs.index(movement.seq))

    page = keyset.fetch_page(cursor, size, (int,), fetch, lambda movement: (movement.seq,))
    site_names = names.read(session, config)
    deliveries = _load_deliveries(session, [movement.seq for movement in page.rows], site_names)
    return page.with_rows(
        [
            HistoryEntry(movement, site_names.for_origin(movement.origin), tuple(deliveries[movement.seq]))
            for movement in page.rows
        ]
    )


def build_conditions(session: Session, customer_id: int, reserve_id: int | None = None) -> list[ColumnElement[bool]]:
    """The conditions for the movements of a customer, and of a reserve if one is given."""
    of_reserve = [] if reserve_id is None else [Movement.reserve_id == reserve_id]
    return [of_customer(session, customer_id), *of_reserve]


def _load_deliveries(session: Session, seqs: list[int], site_names: names.SiteNames) -> dict[int, list[RemoteDelivery]]:
    deliveries: dict[int, list[RemoteDelivery]] = {seq: [] for seq in seqs}
    query = select(Delivery).where(Delivery.movement_seq.in_(seqs)).order_by(Delivery.movement_seq, Delivery.remote_id)
    for each in session.scalars(query):
        deliveries[each.movement_seq].append(
            RemoteDelivery(
                each.id,
                each.remote_id,
                site_names.for_remote(each.remote_id),
                DeliveryState(each.state),
                each.delivered_at,
                each.message,
            )
        )
    return deliveries
