"""Long lists in pages by keyset: where one ends the next begins, so that each costs the same; and bounded counts."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import Session

from pointsync.errors import Invalid
from pointsync.ids import MAX_ID
from pointsync.text_limits import is_storable

SIZES = (10, 20, 40, 80)
MOST = 10_000
FIRST, LAST = "first", "last"
MAX_CURSOR = 4000

Row = TypeVar("Row")
Shown = TypeVar("Shown")
Key = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """The rows, and the cursors of the pages around them; None where that way leads nowhere."""

    rows: list[Row]
    first: str | None = None
    previous: str | None = None
    next: str | None = None
    last: str | None = None

    def showing(self, rows: "list[Shown]") -> "Page[Shown]":
        """The same page with its rows as people see them."""
        return Page(rows, self.first, self.previous, self.next, self.last)


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows a list has; or `is_more`: more than `number`."""

    number: int
    is_more: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What a reader is asked for: at most `limit` rows behind `key` (None: from the end), one way or the other."""

    limit: int
    key: Key | None = None
    is_backwards: bool = False

    def narrow(self, query: Select[Any], *columns: ColumnElement[Any], is_descending: bool = False) -> Select[Any]:
        """`query` with this step's condition, order and limit; `columns` are the list's key, in its order."""
        falls = is_descending != self.is_backwards
        if self.key is not None:
            here, there = (columns[0], self.key[0]) if len(columns) == 1 else (tuple_(*columns), tuple_(*self.key))
            query = query.where(here < there if falls else here > there)
        return query.order_by(*(column.desc() if falls else column.asc() for column in columns)).limit(self.limit)


def turn(
    cursor: str | None,
    size: int,
    kinds: tuple[type, ...],
    read: Callable[[Step], Sequence[Row]],
    key: Callable[[Row], Key],
) -> Page[Row]:
    """The page that `cursor` leads to: None or `first`, `last`, or what another page gave.

    `read` answers a step with rows in its order, `key` names a row by values of `kinds`. One reading; two
    where the way back meets the beginning, since a first page is a whole one. Raises Invalid for `cursor`
    or `size`.
    """
    if size not in SIZES:
        raise Invalid("size", f"A page has {', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]} rows.")
    step = _step(cursor, size + 1, kinds)
    found = read(step)
    if step.is_backwards and step.key is not None and len(found) <= size:
        step = Step(size + 1)
        found = read(step)
    rows = list(found[:size])
    is_more, came_from = len(found) > size, step.key is not None
    before, behind = (is_more, came_from) if step.is_backwards else (came_from, is_more)
    if step.is_backwards:
        rows.reverse()
    return Page(
        rows,
        first=FIRST if before else None,
        # All behind the cursor may have gone from the list meanwhile; then its last page is the one before.
        previous=(_text("before", key(rows[0])) if rows else LAST) if before else None,
        next=_text("after", key(rows[-1])) if behind and rows else None,
        last=LAST if behind and rows else None,
    )


def count(session: Session, query: Select[Any], most: int = MOST) -> Count:
    """How many rows `query` has, counted up to `most`: nobody waits for the count of a million."""
    number = session.scalar(select(func.count()).select_from(query.limit(most + 1).subquery())) or 0
    return Count(min(number, most), number > most)


def _step(cursor: str | None, limit: int, kinds: tuple[type, ...]) -> Step:
    if not cursor or cursor == FIRST:
        return Step(limit)
    if cursor == LAST:
        return Step(limit, is_backwards=True)
    try:
        if len(cursor) > MAX_CURSOR:
            raise ValueError
        way, *key = json.loads(base64.b64decode(cursor, b"-_", validate=True))
        if way not in ("before", "after") or [type(each) for each in key] != list(kinds):
            raise ValueError
        if not all(is_storable(each) if isinstance(each, str) else abs(each) <= MAX_ID for each in key):
            raise ValueError
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise Invalid("cursor", "This address leads to no page of this list; begin at its first page.") from error
    return Step(limit, tuple(key), is_backwards=way == "before")


def _text(way: str, key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps([way, *key], separators=(",", ":")).encode()).decode()
