"""History for a newcomer: what this site made before a remote was listed, sent in the background."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime


class Backfill(Base):
    __tablename__ = "history"

    remote_id: Mapped[int] = mapped_column(ForeignKey("remote.id"), primary_key=True)
    next_seq: Mapped[int] = mapped_column(RowNumber)
    """Movements below it have their deliveries."""
    last_seq: Mapped[int] = mapped_column(RowNumber)
    total: Mapped[int]
    """Movements to send, counted when it was asked for."""
    done: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
