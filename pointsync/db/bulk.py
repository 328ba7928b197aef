"""Inserting many rows in one statement of the driver.

SQLAlchemy builds the parameters of each row anew, which takes longer than the database takes for the row.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.orm import Session

from pointsync.db import Base

Converter = Callable[[Any], Any]


def insert_many(session: Session, model: type[Base], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows with values for the columns `names`, in that order. Other columns do not get their defaults.

    It does nothing without rows.
    """
    connection = session.connection()
    converters = [_find_converter(model, name, connection.dialect) for name in names]
    columns = [
        map(convert, values) if convert else values
        for convert, values in zip(converters, zip(*rows, strict=True), strict=False)
    ]
    if columns:
        statement = _build_insert(model, names, connection.dialect)
        connection.exec_driver_sql(statement, list(zip(*columns, strict=True)))


def _find_converter(model: type[Base], name: str, dialect: Dialect) -> Converter | None:
    """What turns a value of the column into what the driver takes; None if that is the same."""
    converter: Converter | None = model.__table__.c[name].type.dialect_impl(dialect).bind_processor(dialect)
    return converter


def _build_insert(model: type[Base], names: Sequence[str], dialect: Dialect) -> str:
    quote = dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in names)
    placeholders = ", ".join(["?" if dialect.paramstyle == "qmark" else "%s"] * len(names))
    return f"INSERT INTO {quote(model.__tablename__)} ({columns}) VALUES ({placeholders})"  # noqa: S608
