"""A worker: a process that runs jobs. And leases, so that no two workers do the same job."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, UtcDateTime


class Worker(Base):
    __tablename__ = "worker"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """New at each start: a restarted process is another worker."""
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
