"""One statement of the driver for many rows.

SQLAlchemy builds the parameters of each row anew, which takes longer than the database takes for the row.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Boolean, Dialect
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from pointsync.db import Base

Converter = Callable[[Any], Any]


def insert_many(session: Session, model: type[Base], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows with values for the columns `names`, in that order. Other columns do not get their defaults.

    It does nothing without rows.
    """
    statement, converters = _prepare_insert(model, tuple(names), session.connection().dialect)
    columns = [
        map(convert, values) if convert else values
        for convert, values in zip(converters, zip(*rows, strict=True), strict=False)
    ]
    if columns:
        execute_many(session, statement, list(zip(*columns, strict=True)))


def execute_many(session: Session, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Execute SQL that has a `?` for each value, once for each of `rows`. Values are what the driver takes."""
    connection = session.connection()
    if connection.dialect.paramstyle != "qmark":
        statement = statement.replace("?", "%s")
    connection.exec_driver_sql(statement, list(rows))


@lru_cache(maxsize=32)
def _prepare_insert(
    model: type[Base], names: tuple[str, ...], dialect: Dialect
) -> tuple[str, tuple[Converter | None, ...]]:
    """The statement, and what turns the values of each column into what the driver takes; None if that is the same."""
    columns = ", ".join(map(dialect.identifier_preparer.quote, names))
    placeholders = ", ".join("?" * len(names))
    types = (model.__table__.c[name].type for name in names)
    return (
        f"INSERT INTO {model.__tablename__} ({columns}) VALUES ({placeholders})",  # noqa: S608
        tuple(_get_converter(each, dialect) for each in types),
    )


def _get_converter(column_type: TypeEngine[Any], dialect: Dialect) -> Converter | None:
    if isinstance(column_type, Boolean):
        return None  # both drivers take it; SQLAlchemy would only check it
    return column_type.dialect_impl(dialect).bind_processor(dialect)
