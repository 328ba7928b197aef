"""The base class of all tables, and column types that work the same on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, DateTime, Dialect, Integer, LargeBinary, MetaData, type_coerce
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine

RowNumber = BigInteger().with_variant(Integer, "sqlite")
"""An id that the database assigns: SQLite does so only for a plain INTEGER."""


class Base(DeclarativeBase):
    """The base class; constraints get names by convention, so that migrations can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware time in UTC. SQLite has no time zones and stores it as text in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return _SqliteUtc() if dialect.name == "sqlite" else _PostgresUtc(timezone=True)  # type: ignore[no-untyped-call]


class _SqliteUtc(sqlite.DATETIME):
    """The text that SQLAlchemy stores, written and read by `datetime` itself, which is three times as fast."""

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], str | None]:
        return _to_text

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], datetime | None]:
        return _from_text


class _PostgresUtc(postgresql.TIMESTAMP):
    """PostgreSQL returns times in the time zone of the session."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[datetime | None], datetime | None]:
        return _to_utc


def _to_text(value: datetime | None) -> str | None:
    if value is None:
        return None
    value = value if value.tzinfo is UTC else value.astimezone(UTC)
    return value.isoformat(" ", "microseconds")[: -len("+00:00")]


def _from_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def _to_utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


class UInt128(TypeDecorator[int]):
    """A whole number from 0 to 2¹²⁸ − 1, stored as 16 bytes, most significant first."""

    impl = LargeBinary(16)
    cache_ok = True

    # The processors themselves, because SQLAlchemy would put two more calls around each value.

    def bind_processor(self, dialect: Dialect) -> Callable[[int | None], bytes | None]:
        """To what the driver takes."""
        return _to_bytes

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[bytes | None], int | None]:
        """From what the driver returns."""
        return _from_bytes


def _to_bytes(value: int | None) -> bytes | None:
    return None if value is None else value.to_bytes(16)


def _from_bytes(value: bytes | None) -> int | None:
    return None if value is None else int.from_bytes(value)


def as_stored(column: InstrumentedAttribute[Any] | ColumnElement[Any]) -> ColumnElement[Any]:
    """The column as the driver returns it, for queries of many rows: converting each value takes longer than reading
    the row."""
    return type_coerce(column, NullType())
