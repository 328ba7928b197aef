"""A background task that an admin started, such as an import, with its progress."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime

OPEN_SQL = "finished_at IS NULL"


class TaskState(StrEnum):
    """The state of a task: waiting → running (→ stopping) → done, stopped or failed."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    """An admin stopped it; it ends after the current part."""
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class Task(Base):
    __tablename__ = "work"
    __table_args__ = (Index("ix_work_open", "id", sqlite_where=text(OPEN_SQL), postgresql_where=text(OPEN_SQL)),)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    """A name in `schedule.task_kinds`."""
    title: Mapped[str] = mapped_column(String(191))
    state: Mapped[TaskState] = mapped_column(String(16), default=TaskState.WAITING)
    done: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int | None] = mapped_column(BigInteger)
    """None while it is unknown."""
    unit: Mapped[str] = mapped_column(String(32))
    """What `done` and `total` count, such as `lines`."""
    asked_by: Mapped[str] = mapped_column(String(191))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The estimated end, from the current speed; None while it is unknown."""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """The options that its kind reads."""
    position: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Where it continues if its process ended; None for the beginning."""
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What its kind returns; `file` is the name of a file that can be downloaded."""
    message: Mapped[str | None] = mapped_column(String(500))
    """Why it failed, or who stopped it."""
    tries: Mapped[int] = mapped_column(default=0)
    """How many times it was started since its last saved progress."""
    holder: Mapped[str | None] = mapped_column(String(32))
    """The worker that runs it."""
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """By the database's clock."""
