"""The rows of a customer's addresses, for queries of what was recorded under any of them."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Select, or_, select, union_all
from sqlalchemy.orm import Session

from pointsync.db.chunking import chunks
from pointsync.models import Customer, Movement


def select_members(customer_ids: Sequence[int]) -> Select[int]:
    """For `IN`: the rows of all addresses of these customers, at most as many as a chunk has."""
    return select(Customer.id).where(or_(Customer.id.in_(customer_ids), Customer.merged_into_id.in_(customer_ids)))


def list_members(session: Session, customer_id: int) -> list[int]:
    """The rows of all addresses of a customer: nearly always one."""
    return [customer_id, *session.scalars(select(Customer.id).where(Customer.merged_into_id == customer_id))]


def find_people(session: Session, address_ids: Iterable[int]) -> dict[int, int]:
    """The customers who have these addresses now, by the id of the address's row."""
    found: dict[int, int] = {}
    for part in chunks(sorted(set(address_ids))):
        query = select(Customer.id, Customer.person_id()).where(Customer.id.in_(part))
        found |= {row[0]: row[1] for row in session.execute(query)}
    return found


def lock_people(session: Session, address_ids: Iterable[int]) -> dict[int, int]:
    """The same, for writing: until the transaction ends, the addresses belong to these customers."""
    found: dict[int, int] = {}
    for part in chunks(sorted(set(address_ids))):
        query = select(Customer.id, Customer.person_id()).where(Customer.id.in_(part)).order_by(Customer.id)
        rows = session.execute(query.with_for_update(read=True, key_share=True))
        found |= {row[0]: row[1] for row in rows}
    return found


def of_customer(session: Session, customer_id: int) -> ColumnElement[bool]:
    """The condition for the movements of a customer. With one address, it is a plain equality for the database."""
    return Movement.customer_id.in_(list_members(session, customer_id))


def select_newest(session: Session, customer_id: int, *conditions: ColumnElement[bool], limit: int) -> Select[int]:
    """For `IN`: the `seq` of the newest `limit` movements that match `conditions`, of each of a customer's addresses.

    Each address is read from its own index, so the cost depends on the limit, not on the number of movements.
    """
    parts = [
        select(Movement.seq)
        .where(Movement.customer_id == address_id, *conditions)
        .order_by(Movement.seq.desc())
        .limit(limit)
        .subquery()
        for address_id in list_members(session, customer_id)
    ]
    return select(union_all(*(select(part.c.seq) for part in parts)).subquery().c.seq)
