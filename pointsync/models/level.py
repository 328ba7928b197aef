"""A level: reached at a number of points, which it never costs. And its unlocks: who has reached it, for good."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime


class Level(Base):
    """Never deleted, only made inactive: then nobody reaches it any more."""

    __tablename__ = "level"
    __table_args__ = (UniqueConstraint("reserve_id", "title"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"))
    title: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(500), default="")
    points: Mapped[int] = mapped_column(BigInteger)
    """The balance in its reserve at which it is reached; 1 or more."""
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_customer_id: Mapped[int | None] = mapped_column(RowNumber)
    """Customers from here on may have had the points before the level was there; None once all were looked at."""


class LevelUnlock(Base):
    """A customer has reached a level; never taken back."""

    __tablename__ = "unlock"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    level_id: Mapped[int] = mapped_column(ForeignKey("level.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    movement_seq: Mapped[int | None] = mapped_column(ForeignKey("movement.seq"))
    """The movement that brought the points; None where they were there before the level."""
    is_quiet: Mapped[bool] = mapped_column(default=False)
    """Nobody is mailed about it: the points are older than the level, or came as history, opening or correction."""
