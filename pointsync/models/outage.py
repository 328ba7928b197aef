"""Times in which this site did not run: what shops delivered then is lost."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, UtcDateTime


class LastAlive(Base):
    """One row: when this site last ran."""

    __tablename__ = "last_alive"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Outage(Base):
    __tablename__ = "outage"

    id: Mapped[int] = mapped_column(primary_key=True)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime)
    dismissed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When an admin said that nothing is missing."""
