"""Inserting what may be there already: the same words for SQLite and PostgreSQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pointsync.db import Base


def dialect_insert(session: Session, model: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An insert in the words of the session's database, which can say what becomes of rows that are there already."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    return insert(model.__table__)  # type: ignore[arg-type]


def insert_or_ignore(session: Session, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert `rows`, passing over those that a unique index already holds."""
    if rows:
        session.connection().execute(dialect_insert(session, model).on_conflict_do_nothing(), list(rows))
