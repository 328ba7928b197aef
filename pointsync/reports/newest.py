"""The newest of several lists in one, each read by an index of its own and only as far as the page goes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select, union_all
from sqlalchemy.orm import Session

from pointsync.db.keyset import PageRequest

MAX_UNION_QUERIES = 300
"""Lists in one query: SQLite takes no more than 500."""


def fetch_ids(
    session: Session, queries: Sequence[Select[Any]], column: ColumnElement[int], request: PageRequest
) -> list[int]:
    """The ids of a step, newest first, of what `lists` (selects of `column`, an id, and of nothing else) hold.

    One query for each 300 lists. Each list is cut to the step's limit before they are merged, so that the
    work is bounded by the page and the number of lists, not by what they hold.
    """
    if len(queries) == 1:
        return list(session.scalars(request.apply_to(queries[0], column, is_descending=True)))
    found: list[int] = []
    for start in range(0, len(queries), MAX_UNION_QUERIES):
        subqueries = [
            request.apply_to(each, column, is_descending=True).subquery()
            for each in queries[start : start + MAX_UNION_QUERIES]
        ]
        found += session.scalars(union_all(*(select(*part.c) for part in subqueries)))
    return sorted(found, reverse=not request.is_backwards)[: request.limit]
