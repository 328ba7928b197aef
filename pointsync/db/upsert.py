"""Inserting rows that may exist already, on SQLite and PostgreSQL."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pointsync.db import Base


def dialect_insert(session: Session, model: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT for the session's database that supports ON CONFLICT."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    return insert(model.__table__)  # type: ignore[arg-type]


def add_to_counters(
    session: Session,
    model: type[Base],
    keys: tuple[str, ...],
    counters: tuple[str, ...],
    rows: Sequence[dict[str, Any]],
) -> None:
    """Insert `rows`; where one with the same `keys` exists, add the `counters` to its own."""
    if rows:
        session.connection().execute(_build_add(session.get_bind().dialect.name, model, keys, counters), list(rows))


@cache
def _build_add(dialect: str, model: type[Base], keys: tuple[str, ...], counters: tuple[str, ...]) -> Executable:
    """Built once, because it is executed with each delivery."""
    table = model.__table__
    insert = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(table)  # type: ignore[arg-type]
    sums = {name: table.c[name] + insert.excluded[name] for name in counters}
    return insert.on_conflict_do_update(index_elements=keys, set_=sums)


def insert_or_ignore(session: Session, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert `rows`, ignoring those that violate a unique index."""
    if rows:
        session.connection().execute(dialect_insert(session, model).on_conflict_do_nothing(), list(rows))
