"""The list of customers: found by how their address begins, in any order, a page at a time."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, literal, select
from sqlalchemy.orm import Session

from pointsync.db import keyset
from pointsync.email_address import beginning
from pointsync.errors import Invalid
from pointsync.ledger import reserves
from pointsync.models import Balance, Customer, Reserve

_KEYS: dict[str, tuple[ColumnElement[Any], ...]] = {
    "email": (Customer.email.expression,),
    "id": (Customer.id.expression,),
    "points": (Balance.points.expression, Balance.customer_id.expression),
}
_KINDS = {"email": (str,), "id": (int,), "points": (int, int)}

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
class Listed:
    """A customer, and what they have in every points reserve, by its key."""

    customer: Customer
    points: dict[str, int]


def page(
    session: Session,
    *,
    search: str = "",
    order: str = "email",
    reserve: Reserve | None = None,
    cursor: str | None = None,
    size: int = 20,
) -> keyset.Page[Listed]:
    """A page of those whose address begins with `search`: three queries, four on the way back to the first page.

    By `email` the unique index finds and orders them, by `newest` and `oldest` the primary key, by `points`
    the index of balances: of `reserve`, so that who never had points in it is not listed then. What is
    searched for is listed by e-mail, as `order_in_force` says. Raises Invalid for `search`, `order`,
    `reserve`, `cursor` or `size`.
    """
    by, is_descending = ORDERS[order_in_force(order, search)]
    query = select(Customer, *_KEYS[by])
    if by == "points":
        if reserve is None:
            raise Invalid("reserve", "Say in which points reserve: customers have points in each of them.")
        query = query.join(Balance, Balance.customer_id == Customer.id).where(Balance.reserve_id == reserve.id)
    query = query.where(*which(search))

    def read(step: keyset.Step) -> list[Any]:
        return list(session.execute(step.narrow(query, *_KEYS[by], is_descending=is_descending)))

    found = keyset.turn(cursor, size, _KINDS[by], read, lambda row: tuple(row)[1:])
    points = _points(session, [row[0].id for row in found.rows])
    return found.showing([Listed(row[0], points[row[0].id]) for row in found.rows])


def order_in_force(order: str, search: str) -> str:
    """The order in which a search is listed: only the e-mail's index finds and orders at once. Raises Invalid."""
    if order not in ORDERS:
        raise Invalid("order", f"The order must be one of {', '.join(ORDERS)}.")
    return "email" if search.strip() and ORDERS[order][0] != "email" else order


def count(
    session: Session, *, search: str = "", reserve: Reserve | None = None, most: int = keyset.MOST
) -> keyset.Count:
    """How many there are, counted up to `most`: that `search` finds, or that ever had points in `reserve`."""
    some = select(literal(1)).select_from(Customer)
    if search.strip():
        some = some.where(*which(search))
    elif reserve is not None:
        some = select(literal(1)).select_from(Balance).where(Balance.reserve_id == reserve.id)
    return keyset.count(session, some, most)


def which(search: str) -> list[ColumnElement[bool]]:
    """That a customer's address begins with `search`; nothing where that is empty. Raises Invalid for `search`."""
    return [_begins_with(beginning(search))] if search.strip() else []


def _begins_with(text: str) -> ColumnElement[bool]:
    """As a range, which the index finds on either database; a pattern it would not on all."""
    for index, letter in reversed(list(enumerate(text))):
        if (code := ord(letter) + 1) <= _LAST_CODE_POINT:
            behind = text[:index] + chr(_SURROGATES.stop if code in _SURROGATES else code)
            return (Customer.email >= text) & (Customer.email < behind)
    return Customer.email >= text


def _points(session: Session, customer_ids: list[int]) -> dict[int, dict[str, int]]:
    keys = {reserve.id: reserve.key for reserve in reserves.every(session)}
    points = {customer_id: dict.fromkeys(keys.values(), 0) for customer_id in customer_ids}
    for balance in session.execute(select(Balance.__table__).where(Balance.customer_id.in_(customer_ids))):
        points[balance.customer_id][keys[balance.reserve_id]] = balance.points
    return points
