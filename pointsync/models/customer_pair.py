"""Two customers who may be the same person."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime

ALIKE, ASKED = "alike", "asked"


class CustomerPair(Base):
    """Two rows of customers who may be the same person. It is listed while they are two customers, until an admin marks
    them as not the same."""

    __tablename__ = "customer_pair"
    __table_args__ = (
        UniqueConstraint("first_id", "second_id"),
        Index("ix_customer_pair_second_id", "second_id"),
        Index(
            "ix_customer_pair_open",
            "id",
            sqlite_where=text("dismissed_at IS NULL"),
            postgresql_where=text("dismissed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    first_id: Mapped[int] = mapped_column(RowNumber, ForeignKey("customer.id"))
    """With `second_id`, which is larger: the rows of an address of each."""
    second_id: Mapped[int] = mapped_column(RowNumber, ForeignKey("customer.id"))
    reason: Mapped[str] = mapped_column(String(16))
    """`alike`: their addresses are. `asked`: somebody wanted to give the one an address of the other."""
    asked_by: Mapped[str | None] = mapped_column(String(191))
    """Who wanted that, such as `api:SHOP`."""
    found_at: Mapped[datetime] = mapped_column(UtcDateTime)
    dismissed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When an admin said that they are not the same."""
