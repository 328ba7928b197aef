"""The list of customers: found by how their address begins, in any order, a page at a time."""

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

#: By what, and whether falling.
ORDERS = {
    "email": ("email", False),
    "-email": ("email", True),
    "newest": ("id", True),
    "oldest": ("id", False),
    "points": ("points", False),
    "-points": ("points", True),
}

_LAST_CODE_POINT, _SURROGATES = 0x10FFFF, range(0xD800, 0xE000)


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer, and what they have in every points reserve, by its key."""

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
    """A page of those whose address begins with `search`: three queries, four on the way back to the first page.

    By `email` the unique index finds and orders them, by `newest` and `oldest` the primary key, by `points`
    the index of balances: of `reserve`, so that who never had points in it is not listed then. What is
    searched for is listed by e-mail, as `order_in_force` says. Raises Invalid for `search`, `order`,
    `reserve`, `cursor` or `size`.
    """
    sort_key, is_descending = ORDERS[effective_order(order, search)]
    query = select(Customer, *_KEY_COLUMNS[sort_key])
    if sort_key == "points":
        if reserve is None:
            raise InvalidInput("reserve", "Say in which points reserve: customers have points in each of them.")
        query = query.join(Balance, Balance.customer_id == Customer.id).where(Balance.reserve_id == reserve.id)
    query = query.where(*search_conditions(search))

    def fetch_rows(page_request: keyset.PageRequest) -> list[Any]:
        return list(session.execute(page_request.apply_to(query, *_KEY_COLUMNS[sort_key], is_descending=is_descending)))

    page_of_rows = keyset.fetch_page(cursor, size, _KEY_TYPES[sort_key], fetch_rows, lambda row: tuple(row)[1:])
    points = _points_by_customer(session, [row[0].id for row in page_of_rows.rows])
    return page_of_rows.with_rows([CustomerRow(row[0], points[row[0].id]) for row in page_of_rows.rows])


def effective_order(order: str, search: str) -> str:
    """The order in which a search is listed: only the e-mail's index finds and orders at once. Raises Invalid."""
    if order not in ORDERS:
        raise InvalidInput("order", f"The order must be one of {', '.join(ORDERS)}.")
    return "email" if search.strip() and ORDERS[order][0] != "email" else order


def count(
    session: Session, *, search: str = "", reserve: Reserve | None = None, limit: int = keyset.MAX_COUNT
) -> keyset.Count:
    """How many there are, counted up to `most`: that `search` finds, or that ever had points in `reserve`."""
    query = select(literal(1)).select_from(Customer)
    if search.strip():
        query = query.where(*search_conditions(search))
    elif reserve is not None:
        query = select(literal(1)).select_from(Balance).where(Balance.reserve_id == reserve.id)
    return keyset.count(session, query, limit)


def search_conditions(search: str) -> list[ColumnElement[bool]]:
    """That a customer's address begins with `search`; nothing where that is empty. Raises Invalid for `search`."""
    return [_starts_with(normalise_prefix(search))] if search.strip() else []


def _starts_with(text: str) -> ColumnElement[bool]:
    """As a range, which the index finds on either database; a pattern it would not on all."""
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
