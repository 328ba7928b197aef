"""The base class of all tables, and column types that work the same on both databases."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, LargeBinary, MetaData
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

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

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class UInt128(TypeDecorator[int]):
    """A whole number from 0 to 2¹²⁸ − 1, stored as 16 bytes, most significant first."""

    impl = LargeBinary(16)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> bytes | None:
        return None if value is None else value.to_bytes(16)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> int | None:
        return None if value is None else int.from_bytes(value)
