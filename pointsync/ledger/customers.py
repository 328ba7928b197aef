"""Customers: found by their e-mail address, and created when a movement first names them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in_parameter
from pointsync.db.upsert import insert_or_ignore
from pointsync.email_address import Address, normalise
from pointsync.errors import NotFound
from pointsync.ledger import movement_json
from pointsync.ledger.customer_json import CustomerBalance
from pointsync.ledger.movement_json import MovementPage
from pointsync.models import Balance, Customer, Movement, Reserve

# Built once, because every batch executes it.
_FIND = select(Customer.email, Customer.id, Customer.spelling).where(is_in_parameter(Customer.email, "emails"))


class FoundCustomer(NamedTuple):
    """The id of a customer, and the address for other sites if it is not the key."""

    id: int
    spelling: str | None


def get_or_create(session: Session, addresses: Iterable[Address], now: datetime) -> dict[str, FoundCustomer]:
    """The customers by the keys of their addresses; missing customers are created."""
    by_key = {address.key: address for address in addresses}
    found = find(session, sorted(by_key))
    missing = sorted(by_key.keys() - found.keys())
    if missing:
        rows = [
            {"email": key, "spelling": None if by_key[key].spelling == key else by_key[key].spelling, "created_at": now}
            for key in missing
        ]
        insert_or_ignore(session, Customer, rows)
        found |= find(session, missing)
    return found


def get_or_create_ids(session: Session, addresses: Iterable[Address], now: datetime) -> dict[str, int]:
    """The same, but only the ids."""
    return {email: each.id for email, each in get_or_create(session, addresses, now).items()}


def find(session: Session, emails: Sequence[str]) -> dict[str, FoundCustomer]:
    """The customers that exist, by the keys of their addresses."""
    if not emails:
        return {}
    rows = session.execute(_FIND, {"emails": list(emails)})
    return {email: FoundCustomer(customer_id, spelling) for email, customer_id, spelling in rows}


def find_ids(session: Session, emails: Sequence[str]) -> dict[str, int]:
    """The ids of the customers that exist, by the keys of their addresses."""
    return {email: each.id for email, each in find(session, emails).items()}


def get(session: Session, email: str) -> Customer:
    """The customer with this e-mail address in any spelling. Raises InvalidInput or NotFound."""
    address = normalise(email)
    customer = session.scalar(select(Customer).where(Customer.email == address))
    if customer is None:
        raise NotFound("unknown_customer", f"No customer here has the e-mail address {address}.")
    return customer


def list_balances(session: Session, customer: Customer, reserve: Reserve | None = None) -> list[CustomerBalance]:
    """The customer's balances, sorted by the reserve's key; for one `reserve`, also if the customer has no points."""
    query = (
        select(Reserve.key, Balance.points)
        .join(Balance, Balance.reserve_id == Reserve.id)
        .where(Balance.customer_id == customer.id)
        .order_by(Reserve.key)
    )
    if reserve is None:
        return [CustomerBalance(key, points) for key, points in session.execute(query)]
    row = session.execute(query.where(Reserve.id == reserve.id)).first()
    return [CustomerBalance(reserve.key, row.points if row else 0)]


def list_movements(
    session: Session, customer: Customer, reserve: Reserve | None, cursor: int | None, limit: int
) -> MovementPage:
    """A page of at most `limit` of the customer's movements, newest first; `cursor` is `next` of the page before."""
    query = (
        select(Movement, Reserve.key)
        .join(Reserve, Movement.reserve_id == Reserve.id)
        .where(Movement.customer_id == customer.id)
        .order_by(Movement.seq.desc())
        .limit(limit + 1)
    )
    if reserve is not None:
        query = query.where(Movement.reserve_id == reserve.id)
    if cursor is not None:
        query = query.where(Movement.seq < cursor)
    rows = session.execute(query).all()
    return MovementPage(
        movements=[movement_json.Movement.from_row(row, customer.email, key) for row, key in rows[:limit]],
        next=str(rows[limit - 1][0].seq) if len(rows) > limit else None,
    )
