"""Customers who may be the same person: an admin merges them, or says that they are not the same."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, literal, or_, select
from sqlalchemy.orm import Session, aliased

from pointsync import clock
from pointsync.db import keyset
from pointsync.db.chunking import chunks
from pointsync.db.upsert import insert_or_ignore
from pointsync.email_address import normalise
from pointsync.errors import Conflict, NotFound
from pointsync.ledger import audit_recorder, customers
from pointsync.ledger.customer_json import Duplicate, DuplicatePage
from pointsync.ledger.people import find_alike
from pointsync.ledger.people.members import select_members
from pointsync.ledger.people.people import CUSTOMER_EXISTS
from pointsync.models import Customer, CustomerPair
from pointsync.models.customer_pair import ASKED
from pointsync.text_limits import sanitise

MAX_ASKED = 1000
"""Pairs that shops have asked for and nobody has decided about. More are not listed."""
MAX_ASKED_BY_LENGTH = 191

_FIRST, _SECOND = aliased(Customer, name="first"), aliased(Customer, name="second")
_COLUMNS: tuple[Any, ...] = (CustomerPair, _FIRST.person_id(), _SECOND.person_id())


@dataclass(frozen=True, slots=True)
class PairRow:
    """Two customers who may be the same."""

    pair: CustomerPair
    first: Customer
    """The older one of the two."""
    second: Customer


def note_asked(session: Session, email: str, other_email: str, asked_by: str, now: datetime) -> None:
    """Note that somebody wanted to give the customer of `email` an address of the customer of `other_email`.

    If an admin has marked the two as not the same, nothing changes.
    """
    first, second = sorted((_get_row_id(session, email), _get_row_id(session, other_email)))
    if keyset.count(session, _select_open(CustomerPair.reason == ASKED), MAX_ASKED - 1).is_more:
        return
    asker = sanitise(asked_by, MAX_ASKED_BY_LENGTH)
    row = {"first_id": first, "second_id": second, "reason": ASKED, "asked_by": asker, "found_at": now}
    insert_or_ignore(session, CustomerPair, [row])
    pair = session.scalar(select(CustomerPair).where(*_is_pair(first, second)).with_for_update())
    if pair is not None and pair.reason != ASKED and pair.dismissed_at is None:
        pair.reason, pair.asked_by, pair.found_at = ASKED, asker, now
        session.flush()


@contextmanager
def noting_refusals(
    transact: Callable[[Callable[[Session], None]], object], email: str, other_email: str, asked_by: str, now: datetime
) -> Iterator[None]:
    """Around a transaction that gives a customer an address: if it belongs to somebody else, note in another one, which
    `transact` runs, that it was asked for. Lets the Conflict pass."""
    try:
        yield
    except Conflict as conflict:
        if conflict.code == CUSTOMER_EXISTS:
            transact(lambda session: note_asked(session, email, other_email, asked_by, now))
        raise


def list_page(session: Session, *, cursor: str | None = None, size: int = 20) -> keyset.Page[PairRow]:
    """A page of the pairs about which nobody has decided, the newest first. Raises InvalidInput."""
    query = _select_open().with_only_columns(*_COLUMNS)

    def fetch(request: keyset.PageRequest) -> Sequence[tuple[CustomerPair, int, int]]:
        rows = session.execute(request.apply_to(query, CustomerPair.id.expression, is_descending=True))
        return [(pair, first, second) for pair, first, second in rows]

    page = keyset.fetch_page(cursor, size, (int,), fetch, lambda row: (row[0].id,))
    return page.with_rows(_load_rows(session, page.rows))


def list_documents(session: Session, cursor: int | None, limit: int) -> DuplicatePage:
    """The same as JSON, at most `limit`; `cursor` is `next` of the page before."""
    conditions = [] if cursor is None else [CustomerPair.id < cursor]
    query = _select_open(*conditions).with_only_columns(*_COLUMNS).order_by(CustomerPair.id.desc()).limit(limit + 1)
    found = [(pair, first, second) for pair, first, second in session.execute(query)]
    duplicates = [
        Duplicate(
            first=row.first.email,
            second=row.second.email,
            reason=row.pair.reason,  # type: ignore[arg-type]
            found_at=clock.to_text(row.pair.found_at),
        )
        for row in _load_rows(session, found[:limit])
    ]
    following = str(found[limit - 1][0].id) if len(found) > limit else None
    return DuplicatePage(duplicates=duplicates, next=following, not_compared=find_alike.count_remaining(session))


def count(session: Session) -> keyset.Count:
    """The number of such pairs, counted up to `keyset.MAX_COUNT`. Those whom an admin has marked as not the same
    under other addresses count, too."""
    return keyset.count(session, _select_open())


def count_asked(session: Session) -> int:
    """The number of those that somebody has asked for, at most `MAX_ASKED`."""
    query = _select_open(CustomerPair.reason == ASKED).with_only_columns(*_COLUMNS).limit(MAX_ASKED)
    return len(_load_rows(session, [(pair, first, second) for pair, first, second in session.execute(query)]))


def dismiss(session: Session, email: str, other_email: str, now: datetime) -> None:
    """Remember that the customers with these addresses are not the same.

    Raises NotFound (`unknown_customer`), InvalidInput, or Conflict (`same_customer`) if they are one already.
    """
    first, second = sorted((customers.get(session, email), customers.get(session, other_email)), key=lambda x: x.id)
    if first.id == second.id:
        message = "Both addresses belong to one customer. To separate them, undo the merge."
        raise Conflict("same_customer", message, {"other": message})
    row = {"first_id": first.id, "second_id": second.id, "reason": ASKED, "found_at": now, "dismissed_at": now}
    insert_or_ignore(session, CustomerPair, [row])
    members = [select_members([each.id]) for each in (first, second)]
    pairs = session.scalars(
        select(CustomerPair)
        .where(
            or_(
                CustomerPair.first_id.in_(members[0]) & CustomerPair.second_id.in_(members[1]),
                CustomerPair.first_id.in_(members[1]) & CustomerPair.second_id.in_(members[0]),
            )
        )
        .order_by(CustomerPair.id)
        .with_for_update()
    )
    found = pairs.all()
    for pair in found:
        pair.dismissed_at = pair.dismissed_at or now
    session.flush()
    find_alike.compare_again(session, {row_id for pair in found for row_id in (pair.first_id, pair.second_id)})
    audit_recorder.log_action(
        session, "distinguished", "customer", first.id, first.email, after={"other": second.email}
    )


def _select_open(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Of pairs about which nobody has decided, and who are two customers."""
    return (
        select(literal(1))
        .select_from(CustomerPair)
        .join(_FIRST, _FIRST.id == CustomerPair.first_id)
        .join(_SECOND, _SECOND.id == CustomerPair.second_id)
        .where(CustomerPair.dismissed_at.is_(None), _FIRST.person_id() != _SECOND.person_id(), *conditions)
    )


def _load_rows(session: Session, found: Sequence[tuple[CustomerPair, int, int]]) -> list[PairRow]:
    """The pairs with their customers, each two customers once, without those whom an admin has marked as
    not the same under other addresses."""
    dismissed = (
        select(_FIRST.person_id(), _SECOND.person_id())
        .select_from(CustomerPair)
        .join(_FIRST, _FIRST.id == CustomerPair.first_id)
        .join(_SECOND, _SECOND.id == CustomerPair.second_id)
        .where(CustomerPair.dismissed_at.is_not(None))
    )
    people, seen = dict[int, Customer](), set[frozenset[int]]()
    for part in chunks(sorted({customer_id for _, *both in found for customer_id in both})):
        people |= {each.id: each for each in session.scalars(select(Customer).where(Customer.id.in_(part)))}
        rows = session.execute(dismissed.where(CustomerPair.first_id.in_(select_members(part))))
        seen |= {frozenset(row) for row in rows}
    pairs = []
    for pair, *both in found:
        if frozenset(both) not in seen:
            seen.add(frozenset(both))
            first, second = (people[customer_id] for customer_id in sorted(both))
            pairs.append(PairRow(pair, first, second))
    return pairs


def _is_pair(first: int, second: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return CustomerPair.first_id == first, CustomerPair.second_id == second


def _get_row_id(session: Session, email: str) -> int:
    address = normalise(email)
    row_id = session.scalar(select(Customer.id).where(Customer.email == address))
    if row_id is None:
        raise NotFound("unknown_customer", f"No customer here has the e-mail address {address}.")
    return row_id
