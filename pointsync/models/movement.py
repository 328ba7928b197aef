"""A movement: one immutable change of a balance."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pointsync.db import Base, RowNumber, UtcDateTime
from pointsync.models.customer import Customer
from pointsync.models.reserve import Reserve

SENT_KINDS = frozenset({"earn", "spend", "refund", "manual", "import", "redeem"})
LOCAL_KINDS = frozenset({"opening", "correction", "expire"})
"""Never sent to other sites, and refused from them."""
IMPORT_SOURCE = "import"
"""Who gives the `ref`s of lines of an imported file."""
QUIET_KINDS = LOCAL_KINDS | {"import"}
"""Points that customers had before, that came by the thousand, or that put something right: nobody has earned them
just now, and nobody is mailed about them."""


def is_quiet(kind: str, source: str | None, is_history: bool) -> bool:
    """Whether nobody is mailed about a movement, or about what it leads to."""
    return is_history or kind in QUIET_KINDS or source == IMPORT_SOURCE


class Movement(Base):
    __tablename__ = "movement"
    __table_args__ = (
        UniqueConstraint("origin", "id"),
        UniqueConstraint("source", "ref"),
        Index("ix_movement_customer_id_seq", "customer_id", "seq"),
        Index(
            "ix_movement_below_zero",
            "seq",
            sqlite_where=text("below_zero = 1"),
            postgresql_where=text("below_zero"),
        ),
    )

    seq: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    """The order in which this site recorded it."""
    origin: Mapped[str] = mapped_column(String(191))
    """The Auth of the site where it was made."""
    id: Mapped[str] = mapped_column(String(64))
    """Its name at its origin, for ever: decimals for a PointSync site, compared as text for any."""
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"))
    kind: Mapped[str] = mapped_column(String(32))
    points: Mapped[int] = mapped_column(BigInteger)
    set_to: Mapped[int | None] = mapped_column(BigInteger)
    """The balance that was asked for, where the movement was a set; `points` is the difference."""
    balance: Mapped[int] = mapped_column(BigInteger)
    """The customer's points in the reserve right after it."""
    reason: Mapped[str] = mapped_column(String(500), default="")
    source: Mapped[str | None] = mapped_column(String(191))
    """Who gave the `ref`: `api:NAME`, `hook:NAME`, `command`, `import`."""
    ref: Mapped[str | None] = mapped_column(String(191))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    below_zero: Mapped[bool] = mapped_column(default=False)
    """It took the balance below zero where the reserve does not allow that: listed for an admin."""
    is_history: Mapped[bool] = mapped_column(default=False)
    """It reached this site as history for a newcomer; nobody is mailed about it."""

    customer: Mapped[Customer] = relationship(lazy="raise")
    reserve: Mapped[Reserve] = relationship(lazy="raise")
