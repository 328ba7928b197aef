"""The list of customers: searched by the beginning of the e-mail address, sorted, and divided into pages."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, literal, or_, select
from sqlalchemy.orm import Session, aliased, selectinload

from pointsync.db import keyset
from pointsync.email_address import normalise_prefix
from pointsync.errors import InvalidInput
from pointsync.ledger import reserves
from pointsync.models import Balance, Customer, Reserve

_KEY_COLUMNS: dict[str, tuple[ColumnElement[Any], ...]] = {
    "email": (Customer.email.expression,),
    "id": (Customer.id.expression,),
    "points": (Balance.points.expression, Balance.customer_id.expression),
}
_KEY_TYPES = {"email": (str,), "id": (int,), "points": (int, int)}

ORDERS = {
    "email": ("email", False),
    "-email": ("email", True),
    "newest": ("id", True),
    "oldest": ("id", False),
    "points": ("points", False),
    "-points": ("points", True),
}
"""By name: the sort key, and whether it is descending."""

_LAST_CODE_POINT, _SURROGATES = 0x10FFFF, range(0xD800, 0xE000)


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer with the points in every reserve, by the reserve's key."""

    customer: Customer
    points: dict[str, int]


def list_page(
    session: Session,
    *,
    search: str = "",
    order: str = "email",
    reserve: Reserve | None = None,
    cursor: str | None = None,
    size: int = 20,
) -> keyset.Page[CustomerRow]:
    """A page of the customers of whom an address begins with `search`, in three or four queries.

    Sorted by `points`, only customers with a balance in `reserve` are listed. A search is always sorted by e-mail
    address, see `effective_order`. Raises InvalidInput for `search`, `order`, `reserve`, `cursor` or `size`.
    """
    sort_key, is_descending = ORDERS[effective_order(order, search)]
    query = select(Customer, *_KEY_COLUMNS[sort_key]).options(selectinload(Customer.merged_into))
    if sort_key == "points":
        if reserve is None:
            raise InvalidInput("reserve", "To sort by points, choose a points reserve.")
        query = query.join(Balance, Balance.customer_id == Customer.id).where(Balance.reserve_id == reserve.id)
    query = query.where(*_list_conditions(search))

    def fetch_rows(page_request: keyset.PageRequest) -> list[Any]:
        return list(session.execute(page_request.apply_to(query, *_KEY_COLUMNS[sort_key], is_descending=is_descending)))

    page_of_rows = keyset.fetch_page(cursor, size, _KEY_TYPES[sort_key], fetch_rows, lambda row: tuple(row)[1:])
    found = [row[0].merged_into or row[0] for row in page_of_rows.rows]
    points = _points_by_customer(session, [customer.id for customer in found])
    return page_of_rows.with_rows([CustomerRow(customer, points[customer.id]) for customer in found])


def effective_order(order: str, search: str) -> str:
    """The order in which a search is listed: only the index of addresses both finds and sorts.

    Raises InvalidInput for `order`.
    """
    if order not in ORDERS:
        raise InvalidInput("order", f"The order must be one of {', '.join(ORDERS)}.")
    return "email" if search.strip() and ORDERS[order][0] != "email" else order


def count(
    session: Session, *, search: str = "", reserve: Reserve | None = None, limit: int = keyset.MAX_COUNT
) -> keyset.Count:
    """The number of customers, counted up to `limit`: those that `search` finds, or with a balance in `reserve`."""
    query = select(literal(1)).select_from(Customer).where(*_list_conditions(search))
    if reserve is not None and not search.strip():
        query = select(literal(1)).select_from(Balance).where(Balance.reserve_id == reserve.id)
    return keyset.count(session, query, limit)


def search_conditions(search: str) -> list[ColumnElement[bool]]:
    """Conditions for customers of whom an address begins with `search`; none if it is empty. Raises InvalidInput."""
    if not search.strip():
        return []
    address = aliased(Customer)
    return [Customer.id.in_(select(address.person_id()).where(_starts_with(address, normalise_prefix(search))))]


def _list_conditions(search: str) -> list[ColumnElement[bool]]:
    """Conditions for one row of each customer found, from which `merged_into` leads to the customer."""
    if not search.strip():
        return [Customer.merged_into_id.is_(None)]
    text, other = normalise_prefix(search), aliased(Customer)
    is_found_before = exists().where(
        _starts_with(other, text),
        or_(
            other.id == Customer.merged_into_id,
            and_(other.merged_into_id == Customer.merged_into_id, other.email < Customer.email),
        ),
    )
    return [_starts_with(Customer, text), or_(Customer.merged_into_id.is_(None), ~is_found_before)]


def _starts_with(address: type[Customer], text: str) -> ColumnElement[bool]:
    """A range, for which both databases use the index; not all of them do for LIKE."""
    for index, letter in reversed(list(enumerate(text))):
        if (code := ord(letter) + 1) <= _LAST_CODE_POINT:
            upper_bound = text[:index] + chr(_SURROGATES.stop if code in _SURROGATES else code)
            return (address.email >= text) & (address.email < upper_bound)
    return address.email >= text


def _points_by_customer(session: Session, customer_ids: list[int]) -> dict[int, dict[str, int]]:
    keys = {reserve.id: reserve.key for reserve in reserves.list_all(session)}
    points = {customer_id: dict.fromkeys(keys.values(), 0) for customer_id in customer_ids}
    for balance in session.execute(select(Balance.__table__).where(Balance.customer_id.in_(customer_ids))):
        points[balance.customer_id][keys[balance.reserve_id]] = balance.points
    return points
