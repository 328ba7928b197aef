"""The newest ids of several queries, merged. Each query uses its own index and reads no more than one page."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select, union_all
from sqlalchemy.orm import Session

from pointsync.db.keyset import PageRequest

MAX_UNION_QUERIES = 300
"""Queries in one UNION. SQLite allows at most 500."""


def fetch_ids(
    session: Session, queries: Sequence[Select[Any]], column: ColumnElement[int], request: PageRequest
) -> list[int]:
    """The ids of a page, newest first, merged from `queries`, each of which selects only `column`, an id.

    One statement for each `MAX_UNION_QUERIES` queries. Each query is limited before the merge, so that the cost depends
    on the page size and the number of queries, not on the number of rows.
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
