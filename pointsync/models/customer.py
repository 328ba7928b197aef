"""A customer: a person with points, identified by e-mail address on every site.

A customer may have several addresses. Each has a row of its own. Only an erasure changes the address of a row: it
replaces the address by a token. What was recorded under an address refers to its row for ever. So nothing but the
balances has to move when customers are merged, and each address has what was its own when the merge is undone.
"""

from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pointsync.db import Base, RowNumber, UtcDateTime

EMAIL_TYPE = String(320).with_variant(String(320, collation="C"), "postgresql")
"""Sorted by code points, as SQLite does, so that the unique index also finds addresses by their beginning."""


class Customer(Base):
    __tablename__ = "customer"
    __table_args__ = (
        Index(
            "ix_customer_merged_into_id",
            "merged_into_id",
            sqlite_where=text("merged_into_id IS NOT NULL"),
            postgresql_where=text("merged_into_id IS NOT NULL"),
        ),
        Index(
            "ix_customer_loose_key",
            "loose_key",
            sqlite_where=text("loose_key IS NOT NULL"),
            postgresql_where=text("loose_key IS NOT NULL"),
        ),
        Index(
            "ix_customer_without_loose_key",
            "id",
            sqlite_where=text("loose_key IS NULL"),
            postgresql_where=text("loose_key IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    email: Mapped[str] = mapped_column(EMAIL_TYPE, unique=True)
    """The key of the address: see `email_address.Address`."""
    spelling: Mapped[str | None] = mapped_column(EMAIL_TYPE)
    """The address as it is sent to other sites and in mails; None if that is `email`."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    merged_into_id: Mapped[int | None] = mapped_column(RowNumber, ForeignKey("customer.id"))
    """The row of the address with which its customer is shown; None if that is this one. Only that row has balances."""
    erased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """If the person who had this address was erased: what is dated before belongs to the erased person."""
    loose_key: Mapped[int | None] = mapped_column(BigInteger)
    """The same for addresses that are alike, see `ledger.people.loose_keys`; None until it is computed."""

    merged_into: Mapped["Customer | None"] = relationship(remote_side=[id])

    @classmethod
    def person_id(cls) -> ColumnElement[int]:
        """For queries: the row with which the customer is shown who has this row's address."""
        return func.coalesce(cls.merged_into_id, cls.id)

    @property
    def mail_address(self) -> str:
        """Where mails go to the customer who has this address."""
        shown = self if self.merged_into_id is None else self.merged_into or self
        return shown.spelling or shown.email
