"""A customer: a person with points, known by e-mail on every site."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime

#: In the order of code points, as SQLite has it by itself, so that the unique index finds by a beginning, too.
EMAIL_TYPE = String(320).with_variant(String(320, collation="C"), "postgresql")


class Customer(Base):
    __tablename__ = "customer"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    email: Mapped[str] = mapped_column(EMAIL_TYPE, unique=True)
    """Normalised by `ledger.email`, the one place that does; compared as it stands."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
