"""A comparison of all movements with a remote, id by id, and the differences that it found."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UInt128, UtcDateTime


class Comparison(Base):
    """The last comparison with a remote, or the one that is running."""

    __tablename__ = "comparison"

    remote_id: Mapped[int] = mapped_column(ForeignKey("remote.id"), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """None while it is running."""
    gap: Mapped[int | None] = mapped_column(UInt128)
    """The remote's `gap` when it started."""
    after_id: Mapped[int] = mapped_column(BigInteger, default=0)
    """Movements up to this id are compared."""
    compared: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int] = mapped_column(BigInteger, default=0)
    """How many movements there were to compare when it started."""
    sent_again: Mapped[int] = mapped_column(BigInteger, default=0)
    """Delivered movements that were missing there and are sent again."""
    confirmed: Mapped[int] = mapped_column(BigInteger, default=0)
    """Movements that were already there, although this site did not know that they were delivered."""


class Difference(Base):
    """A movement that is not the same on both sides, until it is resolved."""

    __tablename__ = "difference"
    __table_args__ = (Index("uq_difference", "remote_id", "origin", "movement_id", unique=True),)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    remote_id: Mapped[int] = mapped_column(ForeignKey("remote.id"))
    origin: Mapped[str] = mapped_column(String(191))
    movement_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    """`altered_here`, `altered_there` or `unknown_here`."""
    here_customer: Mapped[str | None] = mapped_column(String(320))
    here_points: Mapped[int | None] = mapped_column(BigInteger)
    there_customer: Mapped[str | None] = mapped_column(String(320))
    there_points: Mapped[int | None] = mapped_column(BigInteger)
    found_at: Mapped[datetime] = mapped_column(UtcDateTime)
