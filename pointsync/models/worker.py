"""A worker: a process that runs jobs; and the leases that keep two from doing the same."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, UtcDateTime


class Worker(Base):
    __tablename__ = "worker"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """Made anew at each start: a process that has started again is another worker."""
    host: Mapped[str] = mapped_column(String(191))
    pid: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    heartbeat_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """By the database's clock."""


class Lease(Base):
    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(String(32))
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    """By the database's clock."""
