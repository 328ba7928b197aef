"""A level, which customers unlock when their balance reaches its points; it costs no points. And the unlocks."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime


class Level(Base):
    """Levels are never deleted; nobody can unlock an inactive one."""

    __tablename__ = "level"
    __table_args__ = (UniqueConstraint("reserve_id", "title"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"))
    title: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(500), default="")
    points: Mapped[int] = mapped_column(BigInteger)
    """The balance at which it is unlocked; 1 or more."""
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_customer_id: Mapped[int | None] = mapped_column(RowNumber)
    """Customers from this id on are still to be checked for enough points; None when all are done."""


class LevelUnlock(Base):
    """A customer has unlocked a level; this is never undone."""

    __tablename__ = "unlock"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    level_id: Mapped[int] = mapped_column(ForeignKey("level.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    movement_seq: Mapped[int | None] = mapped_column(ForeignKey("movement.seq"))
    """The movement that unlocked it; None if the customer had the points before the level existed."""
    is_quiet: Mapped[bool] = mapped_column(default=False)
    """No mail is sent: the points are older than the level, or came from a backfill, opening balance or correction."""
