"""A hold: points of a customer that a shop holds for a checkout."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pointsync.db import Base, RowNumber, UtcDateTime
from pointsync.models.customer import Customer
from pointsync.models.movement import Movement
from pointsync.models.reserve import Reserve

HELD, ENDED, CAPTURED, RELEASED = "held", "ended", "captured", "released"


class Hold(Base):
    """It is locked by the lock of its customer's balance: whoever changes it locks that first."""

    __tablename__ = "hold"
    __table_args__ = (
        UniqueConstraint("source", "ref"),
        Index(
            "ix_hold_balance",
            "customer_id",
            "reserve_id",
            "until_at",
            sqlite_where=text("state = 'held'"),
            postgresql_where=text("state = 'held'"),
        ),
        Index("ix_hold_until_at", "until_at"),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    source: Mapped[str] = mapped_column(String(191))
    """Who gave the `ref`, such as `api:SHOP`. The movement of a capture has the same source."""
    ref: Mapped[str] = mapped_column(String(191))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"))
    points: Mapped[int] = mapped_column(BigInteger)
    """Above 0."""
    state: Mapped[str] = mapped_column(String(16))
    """`held`, `ended`, `captured` or `released`. One that is `held` holds nothing any more when its time is over. It
    becomes `ended` when somebody needs its points."""
    held_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Since when the points are held without a break."""
    until_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it became `captured`, `released` or `ended`."""
    movement_seq: Mapped[int | None] = mapped_column(RowNumber, ForeignKey("movement.seq"))
    """The movement that took the points, if it was captured."""

    customer: Mapped[Customer] = relationship(lazy="raise")
    reserve: Mapped[Reserve] = relationship(lazy="raise")
    movement: Mapped[Movement | None] = relationship(lazy="raise")
