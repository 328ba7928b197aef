"""Inserting rows that may exist already, on SQLite and PostgreSQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pointsync.db import Base


def dialect_insert(session: Session, model: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT for the session's database that supports ON CONFLICT."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    return insert(model.__table__)  # type: ignore[arg-type]


def insert_or_ignore(session: Session, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert `rows`, ignoring those that violate a unique index."""
    if rows:
        session.connection().execute(dialect_insert(session, model).on_conflict_do_nothing(), list(rows))
