"""Keyset pagination for long lists, where every page costs the same, and counts with a limit."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import Session

from pointsync.errors import InvalidInput
from pointsync.ids import MAX_ID
from pointsync.text_limits import is_storable

PAGE_SIZES = (10, 20, 40, 80)
MAX_COUNT = 10_000
FIRST, LAST = "first", "last"
MAX_CURSOR_LENGTH = 4000

Row = TypeVar("Row")
Converted = TypeVar("Converted")
Key = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """The rows, and the cursors of other pages; None where there is no such page."""

    rows: list[Row]
    first: str | None = None
    previous: str | None = None
    next: str | None = None
    last: str | None = None

    def with_rows(self, rows: "list[Converted]") -> "Page[Converted]":
        """The same page with other rows."""
        return Page(rows, self.first, self.previous, self.next, self.last)


@dataclass(frozen=True, slots=True)
class Count:
    """The number of rows in a list; if `is_more`, there are more than `number`."""

    number: int
    is_more: bool


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request for at most `limit` rows after `key`, or before it if `is_backwards`; None: from the first or last."""

    limit: int
    key: Key | None = None
    is_backwards: bool = False

    def apply_to(self, query: Select[Any], *columns: ColumnElement[Any], is_descending: bool = False) -> Select[Any]:
        """`query` with the condition, order and limit of this request; `columns` are the list's key."""
        sorts_descending = is_descending != self.is_backwards
        if self.key is not None:
            key_columns, key_values = (
                (columns[0], self.key[0]) if len(columns) == 1 else (tuple_(*columns), tuple_(*self.key))
            )
            query = query.where(key_columns < key_values if sorts_descending else key_columns > key_values)
        return query.order_by(*(column.desc() if sorts_descending else column.asc() for column in columns)).limit(
            self.limit
        )


def fetch_page(
    cursor: str | None,
    size: int,
    key_types: tuple[type, ...],
    fetch_rows: Callable[[PageRequest], Sequence[Row]],
    row_key: Callable[[Row], Key],
) -> Page[Row]:
    """The page of `cursor`: None or `first`, `last`, or a cursor of another page.

    `fetch_rows` returns the rows of a request, and `row_key` a row's key, whose values have the types `key_types`.
    Calls `fetch_rows` once, or twice if going back reaches the beginning, so that the first page is full. Raises
    InvalidInput for `cursor` or `size`.
    """
    if size not in PAGE_SIZES:
        raise InvalidInput("size", f"A page has {', '.join(map(str, PAGE_SIZES[:-1]))} or {PAGE_SIZES[-1]} rows.")
    page_request = _parse_cursor(cursor, size + 1, key_types)
    found = fetch_rows(page_request)
    if page_request.is_backwards and page_request.key is not None and len(found) <= size:
        page_request = PageRequest(size + 1)
        found = fetch_rows(page_request)
    rows = list(found[:size])
    is_more, has_cursor = len(found) > size, page_request.key is not None
    has_previous, has_next = (is_more, has_cursor) if page_request.is_backwards else (has_cursor, is_more)
    if page_request.is_backwards:
        rows.reverse()
    return Page(
        rows,
        first=FIRST if has_previous else None,
        # All rows after the cursor may have been removed meanwhile; then the previous page is the last one.
        previous=(_encode_cursor("before", row_key(rows[0])) if rows else LAST) if has_previous else None,
        next=_encode_cursor("after", row_key(rows[-1])) if has_next and rows else None,
        last=LAST if has_next and rows else None,
    )


def count(session: Session, query: Select[Any], limit: int = MAX_COUNT) -> Count:
    """The number of rows of `query`, counted up to `limit`, since counting millions of rows is slow."""
    number = session.scalar(select(func.count()).select_from(query.limit(limit + 1).subquery())) or 0
    return Count(min(number, limit), number > limit)


def _parse_cursor(cursor: str | None, limit: int, key_types: tuple[type, ...]) -> PageRequest:
    if not cursor or cursor == FIRST:
        return PageRequest(limit)
    if cursor == LAST:
        return PageRequest(limit, is_backwards=True)
    try:
        if len(cursor) > MAX_CURSOR_LENGTH:
            raise ValueError
        direction, *key = json.loads(base64.b64decode(cursor, b"-_", validate=True))
        if direction not in ("before", "after") or [type(each) for each in key] != list(key_types):
            raise ValueError
        if not all(is_storable(each) if isinstance(each, str) else abs(each) <= MAX_ID for each in key):
            raise ValueError
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise InvalidInput(
            "cursor", "This address does not lead to a page of this list. Start at the first page."
        ) from error
    return PageRequest(limit, tuple(key), is_backwards=direction == "before")


def _encode_cursor(direction: str, key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps([direction, *key], separators=(",", ":")).encode()).decode()
