"""A reversal: corrections that undo what came from an origin since some time. And the movements it has undone."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime


class Reversal(Base):
    """Runs in batches until it is finished or stopped; one at a time per origin."""

    __tablename__ = "reversal"

    id: Mapped[int] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(ForeignKey("origin.auth"), index=True)
    reserve_id: Mapped[int | None] = mapped_column(ForeignKey("reserve.id"))
    """None for all active reserves."""
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    """Movements recorded here at that time or later."""
    last_seq: Mapped[int] = mapped_column(RowNumber)
    """The last movement when it was requested; later ones are not reversed."""
    reason: Mapped[str] = mapped_column(String(400))
    """How the reason of its corrections begins; the number of movements follows."""
    total: Mapped[int]
    """Movements to reverse, counted when it was requested."""
    done: Mapped[int] = mapped_column(default=0)
    corrections: Mapped[int] = mapped_column(default=0)
    out_of_bounds: Mapped[int] = mapped_column(default=0)
    """Balances that were skipped because they would have left the bounds."""
    after_customer_id: Mapped[int] = mapped_column(RowNumber, default=0)
    """Customers up to this id are done."""
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def state(self) -> str:
        """`running`, `stopped` or `finished`."""
        return "finished" if self.finished_at else "stopped" if self.stopped_at else "running"


class ReversedMovement(Base):
    """A movement that was reversed; the primary key allows this only once."""

    __tablename__ = "reversed_movement"

    movement_seq: Mapped[int] = mapped_column(ForeignKey("movement.seq"), primary_key=True, autoincrement=False)
    reversal_id: Mapped[int] = mapped_column(ForeignKey("reversal.id"))
