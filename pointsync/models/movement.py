"""A movement: one immutable change of a balance."""

from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, String, UniqueConstraint, case, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from pointsync.db import Base, RowNumber, UInt128, UtcDateTime
from pointsync.email_address import ERASED_DOMAIN
from pointsync.models.customer import Customer
from pointsync.models.reserve import Reserve

SENT_KINDS = frozenset({"earn", "spend", "refund", "manual", "import", "redeem"})
LOCAL_KINDS = frozenset({"opening", "correction", "expire"})
"""Never sent to other sites, and refused from them."""
IMPORT_SOURCE = "import"
"""The source of movements from imported files."""
QUIET_KINDS = LOCAL_KINDS | {"import"}
"""Kinds without mails: the customer did not just earn the points."""


def is_quiet(kind: str, source: str | None, is_history: bool) -> bool:
    """Whether no mail is sent about a movement, nor about a level that it unlocks."""
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
    """The Auth of the site that recorded it first."""
    id: Mapped[str] = mapped_column(String(64))
    """Its id at its origin, which never changes. PointSync uses decimals; ids are compared as text."""
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"))
    kind: Mapped[str] = mapped_column(String(32))
    points: Mapped[int] = mapped_column(BigInteger)
    set_to: Mapped[int | None] = mapped_column(BigInteger)
    """The requested balance if the movement was a set; `points` is the difference."""
    balance: Mapped[int] = mapped_column(BigInteger)
    """The customer's points in the reserve right after it."""
    reason: Mapped[str] = mapped_column(String(500), default="")
    source: Mapped[str | None] = mapped_column(String(191))
    """Who gave the `ref`, such as `api:SHOP`, `hook:NAME`, `command` or `import`."""
    ref: Mapped[str | None] = mapped_column(String(191))
    ref_source: Mapped[str | None] = mapped_column(String(191))
    """The `source` of a received movement as its origin sent it. Not enforced here; it goes back with the movement."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    below_zero: Mapped[bool] = mapped_column(default=False)
    """It took the balance below zero although the reserve does not allow it; admins see it in a list."""
    is_history: Mapped[bool] = mapped_column(default=False)
    """It came with a backfill, so no mail is sent about it."""
    digest: Mapped[int | None] = mapped_column(UInt128)
    """Of its id, points and customer as its origin recorded them; see `pointsync.digests`. None only for movements from
    before digests existed, until they are digested in the background."""
    sent_customer: Mapped[str | None] = mapped_column(String(320))
    """The customer as its origin recorded it, where this site writes the address in another way; digests use it."""

    customer: Mapped[Customer] = relationship(lazy="raise")
    reserve: Mapped[Reserve] = relationship(lazy="raise")

    @classmethod
    def customer_as_sent(cls) -> ColumnElement[str]:
        """For queries with the row of its address: the customer for other sites."""
        is_erased = Customer.email.endswith(f"@{ERASED_DOMAIN}")
        return case((is_erased, Customer.email), else_=func.coalesce(cls.sent_customer, Customer.email))

    @classmethod
    def get_last_seq(cls, session: Session) -> int:
        """The `seq` of the last movement, of any origin; 0 if there is none."""
        return session.scalar(select(func.max(cls.seq))) or 0


class MovementChange(Base):
    """A movement that was changed or deleted, noted by triggers of the database with its columns from before.

    Movements never change. So somebody edited the database, and the movement is compared again.
    """

    __tablename__ = "movement_change"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    movement_seq: Mapped[int] = mapped_column(RowNumber)
    origin: Mapped[str] = mapped_column(String(191))
    movement_id: Mapped[str] = mapped_column(String(64))
    reserve_id: Mapped[int]
    points: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[int] = mapped_column(UInt128)


class AlteredMovement(Base):
    """A movement whose columns contradict its digest: somebody edited it in the database."""

    __tablename__ = "altered_movement"

    movement_seq: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    digest: Mapped[int] = mapped_column(UInt128)
    """The digest of its columns as they are now, which sums use instead of the movement's own."""
    found_at: Mapped[datetime] = mapped_column(UtcDateTime)
