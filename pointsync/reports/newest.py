"""The newest of several lists in one, each read by an index of its own and only as far as the page goes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select, union_all
from sqlalchemy.orm import Session

from pointsync.db.keyset import Step

BRANCHES = 300
"""Lists in one query: SQLite takes no more than 500."""


def ids(session: Session, lists: Sequence[Select[Any]], column: ColumnElement[int], step: Step) -> list[int]:
    """The ids of a step, newest first, of what `lists` (selects of `column`, an id, and of nothing else) hold.

    One query for each 300 lists. Each list is cut to the step's limit before they are merged, so that the
    work is bounded by the page and the number of lists, not by what they hold.
    """
    if len(lists) == 1:
        return list(session.scalars(step.narrow(lists[0], column, is_descending=True)))
    found: list[int] = []
    for start in range(0, len(lists), BRANCHES):
        parts = [step.narrow(each, column, is_descending=True).subquery() for each in lists[start : start + BRANCHES]]
        found += session.scalars(union_all(*(select(*part.c) for part in parts)))
    return sorted(found, reverse=not step.is_backwards)[: step.limit]
