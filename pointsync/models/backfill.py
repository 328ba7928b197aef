"""A backfill: earlier movements of this site, sent to a new remote in the background."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime


class Backfill(Base):
    __tablename__ = "history"

    remote_id: Mapped[int] = mapped_column(ForeignKey("remote.id"), primary_key=True)
    next_seq: Mapped[int] = mapped_column(RowNumber)
    """Movements below it have been enqueued."""
    last_seq: Mapped[int] = mapped_column(RowNumber)
    total: Mapped[int]
    """Movements to send, counted when the backfill was requested."""
    done: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def state(self) -> str:
        """`running`, `stopped` or `finished`."""
        return "finished" if self.finished_at else "stopped" if self.stopped_at else "running"
