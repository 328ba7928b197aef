"""Customers: found by their e-mail address, and created when a movement first names them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, aliased

from pointsync.db.chunking import chunks
from pointsync.db.is_in import is_in_parameter
from pointsync.db.upsert import insert_or_ignore
from pointsync.email_address import Address, normalise
from pointsync.errors import NotFound
from pointsync.ledger import movement_json
from pointsync.ledger.customer_json import CustomerBalance
from pointsync.ledger.movement_json import MovementPage
from pointsync.ledger.people.erased import lives
from pointsync.ledger.people.members import select_newest
from pointsync.models import Balance, Customer, Movement, Reserve

# Built once, because every batch executes it.
_FIND = select(*(Customer.email, Customer.person_id(), Customer.spelling, Customer.id, Customer.erased_until)).where(
    is_in_parameter(Customer.email, "emails")
)
# Whoever changes to whom an address belongs waits until the transaction ends, and the other way round.
_FIND_LOCKED = _FIND.with_for_update(read=True, key_share=True)


class FoundCustomer(NamedTuple):
    """The customer who has an address, and the address itself."""

    id: int
    """The customer: whose balances they are."""
    spelling: str | None
    """The address for other sites if it is not the key."""
    address_id: int
    """The row of the address, under which movements are recorded. Nearly always the customer's own."""
    erased_until: datetime | None = None
    """What is dated before belongs to an erased person who had the address."""


def get_or_create(session: Session, addresses: Iterable[Address], now: datetime) -> dict[str, FoundCustomer]:
    """The customers by the keys of their addresses; missing customers are created.

    Until the transaction ends, the addresses belong to these customers.
    """
    by_key = {address.key: address for address in addresses}
    found = find_locked(session, sorted(by_key))
    missing = sorted(by_key.keys() - found.keys())
    if missing:
        erased_until = lives.find_until(session, missing)
        rows = [
            {
                "email": key,
                "spelling": None if by_key[key].spelling == key else by_key[key].spelling,
                "created_at": now,
                "erased_until": erased_until.get(key),
            }
            for key in missing
        ]
        insert_or_ignore(session, Customer, rows)
        found |= find_locked(session, missing)
    return found


def get_or_create_at(
    session: Session, dated: Sequence[tuple[Address, datetime]], now: datetime
) -> list[tuple[Address, FoundCustomer]]:
    """The customers for movements of these addresses and times, in the same order, each with its address.

    What is dated before the erasure of the person who had the address belongs to the erased person. Then nothing of
    the address is stored, and the address is its token.
    """
    found = find_locked(session, sorted({address.key for address, _ in dated}))
    tokens = lives.find_tokens(session, (each for each in _keys(dated) if _may_be_erased(found.get(each[0]), each[1])))
    placed = [Address(token, token) if (token := tokens.get((address.key, at))) else address for address, at in dated]
    found |= get_or_create(session, {each for each in placed if each.key not in found}, now)
    return [(address, found[address.key]) for address in placed]


def _keys(dated: Iterable[tuple[Address, datetime]]) -> list[tuple[str, datetime]]:
    return [(address.key, at) for address, at in dated]


def _may_be_erased(customer: FoundCustomer | None, at: datetime) -> bool:
    """Whether what is dated `at` may belong to an erased person. If a customer has the address, this costs nothing."""
    return customer is None or (customer.erased_until is not None and at < customer.erased_until)


def find(session: Session, emails: Sequence[str]) -> dict[str, FoundCustomer]:
    """The customers that exist, by the keys of their addresses, of which some may belong to the same customer."""
    return _find(session, emails, _FIND)


def find_locked(session: Session, emails: Sequence[str]) -> dict[str, FoundCustomer]:
    """The same, for writing: until the transaction ends, the addresses belong to these customers."""
    return _find(session, emails, _FIND_LOCKED)


def _find(session: Session, emails: Sequence[str], query: Any) -> dict[str, FoundCustomer]:
    if not emails:
        return {}
    rows = session.connection().execute(query, {"emails": list(emails)}).all()
    return {email: FoundCustomer(*values) for email, *values in rows}


def find_ids(session: Session, emails: Sequence[str]) -> dict[str, int]:
    """The ids of the customers that exist, by the keys of their addresses."""
    return {email: each.id for email, each in find(session, emails).items()}


def find_shown(session: Session, emails: Iterable[str]) -> dict[str, str]:
    """The addresses with which the customers are shown who have these addresses, and the address itself of nobody."""
    shown = aliased(Customer)
    found = {email: email for email in emails}
    for part in chunks(sorted(found)):
        query = select(Customer.email, shown.email).join(shown, shown.id == Customer.merged_into_id)
        for email, shown_email in session.execute(query.where(Customer.email.in_(part))):
            found[email] = shown_email
    return found


def find_by_row(session: Session, row_id: int) -> Customer | None:
    """The customer who has the address of this row; None if there is no such row."""
    row = session.get(Customer, row_id)
    return row.merged_into or row if row is not None else None


def get(session: Session, email: str) -> Customer:
    """The customer who has this e-mail address, in any spelling. Raises InvalidInput or NotFound."""
    address = normalise(email)
    customer = session.scalar(select(Customer).where(Customer.email == address))
    if customer is not None and customer.merged_into_id is not None:
        customer = session.get_one(Customer, customer.merged_into_id)
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
        .order_by(Movement.seq.desc())
        .limit(limit + 1)
    )
    conditions: list[ColumnElement[bool]] = []
    if reserve is not None:
        conditions.append(Movement.reserve_id == reserve.id)
    if cursor is not None:
        conditions.append(Movement.seq < cursor)
    newest = select_newest(session, customer.id, *conditions, limit=limit + 1)
    rows = session.execute(query.where(Movement.seq.in_(newest))).all()
    return MovementPage(
        movements=[movement_json.Movement.from_row(row, customer.email, key) for row, key in rows[:limit]],
        next=str(rows[limit - 1][0].seq) if len(rows) > limit else None,
    )
