"""A reversal: what came from an origin since a moment, taken back by corrections; and what it has taken back."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime


class Reversal(Base):
    """Goes on part by part until it is finished or stopped; of one origin one at a time."""

    __tablename__ = "reversal"

    id: Mapped[int] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(ForeignKey("origin.auth"), index=True)
    reserve_id: Mapped[int | None] = mapped_column(ForeignKey("reserve.id"))
    """None for all that are active."""
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    """Movements recorded here then or later."""
    last_seq: Mapped[int] = mapped_column(RowNumber)
    """The last of them when it was asked for: what comes later is none of it."""
    reason: Mapped[str] = mapped_column(String(400))
    """What its corrections begin with; the number of movements follows."""
    total: Mapped[int]
    """Movements to take back, counted when it was asked for."""
    done: Mapped[int] = mapped_column(default=0)
    corrections: Mapped[int] = mapped_column(default=0)
    out_of_bounds: Mapped[int] = mapped_column(default=0)
    """Balances that were left, since they would have passed what a balance can be."""
    after_customer_id: Mapped[int] = mapped_column(RowNumber, default=0)
    """Customers up to here are seen to."""
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ReversedMovement(Base):
    """A movement that was taken back: its key sees to it that this happens once, for ever."""

    __tablename__ = "reversed_movement"

    movement_seq: Mapped[int] = mapped_column(ForeignKey("movement.seq"), primary_key=True, autoincrement=False)
    reversal_id: Mapped[int] = mapped_column(ForeignKey("reversal.id"))
