"""The list of customers: searched by the beginning of the e-mail address, sorted, and divided into pages."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, literal, select
from sqlalchemy.orm import Session

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
    """A page of the customers whose address begins with `search`, in three or four queries.

    Sorted by `points`, only customers with a balance in `reserve` are listed. A search is always sorted by e-mail
    address, see `effective_order`. Raises InvalidInput for `search`, `order`, `reserve`, `cursor` or `size`.
    """
    sort_key, is_descending = ORDERS[effective_order(order, search)]
    query = select(Customer, *_KEY_COLUMNS[sort_key])
    if sort_key == "points":
        if reserve is None:
            raise InvalidInput("reserve", "To sort by points, choose a points reserve.")
        query = query.join(Balance, Balance.customer_id == Customer.id).where(Balance.reserve_id == reserve.id)
    query = query.where(*search_conditions(search))

    def fetch_rows(page_request: keyset.PageRequest) -> list[Any]:
        return list(session.execute(page_request.apply_to(query, *_KEY_COLUMNS[sort_key], is_descending=is_descending)))

    page_of_rows = keyset.fetch_page(cursor, size, _KEY_TYPES[sort_key], fetch_rows, lambda row: tuple(row)[1:])
    points = _points_by_customer(session, [row[0].id for row in page_of_rows.rows])
    return page_of_rows.with_rows([CustomerRow(row[0], points[row[0].id]) for row in page_of_rows.rows])


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
    query = select(literal(1)).select_from(Customer)
    if search.strip():
        query = query.where(*search_conditions(search))
    elif reserve is not None:
        query = select(literal(1)).select_from(Balance).where(Balance.reserve_id == reserve.id)
    return keyset.count(session, query, limit)


def search_conditions(search: str) -> list[ColumnElement[bool]]:
    """Conditions for customers whose address begins with `search`; none if it is empty. Raises InvalidInput."""
    return [_starts_with(normalise_prefix(search))] if search.strip() else []


def _starts_with(text: str) -> ColumnElement[bool]:
    """A range, for which both databases use the index; not all of them do for LIKE."""
    for index, letter in reversed(list(enumerate(text))):
        if (code := ord(letter) + 1) <= _LAST_CODE_POINT:
            upper_bound = text[:index] + chr(_SURROGATES.stop if code in _SURROGATES else code)
            return (Customer.email >= text) & (Customer.email < upper_bound)
    return Customer.email >= text


def _points_by_customer(session: Session, customer_ids: list[int]) -> dict[int, dict[str, int]]:
    keys = {reserve.id: reserve.key for reserve in reserves.list_all(session)}
    points = {customer_id: dict.fromkeys(keys.values(), 0) for customer_id in customer_ids}
    for balance in session.execute(select(Balance.__table__).where(Balance.customer_id.in_(customer_ids))):
        points[balance.customer_id][keys[balance.reserve_id]] = balance.points
    return points
