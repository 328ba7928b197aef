"""A customer: a person with points, identified by e-mail address on every site."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime

EMAIL_TYPE = String(320).with_variant(String(320, collation="C"), "postgresql")
"""Sorted by code points, as SQLite does, so that the unique index also finds addresses by their beginning."""


class Customer(Base):
    __tablename__ = "customer"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    email: Mapped[str] = mapped_column(EMAIL_TYPE, unique=True)
    """The key of the address: see `email_address.Address`."""
    spelling: Mapped[str | None] = mapped_column(EMAIL_TYPE)
    """The address as it is sent to other sites and in mails; None if that is `email`."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @property
    def mail_address(self) -> str:
        """Where mails go."""
        return self.spelling or self.email
