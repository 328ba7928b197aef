"""A change of a remote's status, with its text."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime


class StatusChange(Base):
    __tablename__ = "status_change"
    __table_args__ = (Index("ix_status_change_remote_id_id", "remote_id", "id"),)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    remote_id: Mapped[int] = mapped_column(ForeignKey("remote.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    before: Mapped[str] = mapped_column(String(16))
    after: Mapped[str] = mapped_column(String(16))
    words: Mapped[str] = mapped_column(String(500))
