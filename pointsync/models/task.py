"""A work: something long that an admin has asked for, done in the background with progress to be seen."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime

OPEN_SQL = "finished_at IS NULL"


class TaskState(StrEnum):
    """Where a work stands: waiting → running (→ stopping) → done, stopped or failed."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    """An admin wants it stopped; it ends after the part that is under way."""
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class Task(Base):
    __tablename__ = "work"
    __table_args__ = (Index("ix_work_open", "id", sqlite_where=text(OPEN_SQL), postgresql_where=text(OPEN_SQL)),)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    """A name in `sync.work_kinds`."""
    title: Mapped[str] = mapped_column(String(191))
    state: Mapped[TaskState] = mapped_column(String(16), default=TaskState.WAITING)
    done: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int | None] = mapped_column(BigInteger)
    """None while nobody knows."""
    unit: Mapped[str] = mapped_column(String(32))
    """What is counted, in words, such as `lines`."""
    asked_by: Mapped[str] = mapped_column(String(191))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """About when it will be done, by how fast it goes; None while nobody can tell."""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What was asked for, as its kind reads it."""
    position: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Where it goes on when its process has ended amid it; None: from the beginning."""
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What came of it, as its kind writes it; `file` names the file in its folder that may be fetched."""
    message: Mapped[str | None] = mapped_column(String(500))
    """Why it failed, or who stopped it."""
    tries: Mapped[int] = mapped_column(default=0)
    """How often it was begun since it last came any further that is kept."""
    holder: Mapped[str | None] = mapped_column(String(32))
    """The worker that is at it."""
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """By the database's clock."""
