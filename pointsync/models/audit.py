"""The audit log: who changed what, when, from where, and what stood there before and after."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime

MIN_RETENTION_DAYS = 365
"""The database lets nobody delete younger rows, nor change any: its triggers are in the migration."""


class AuditEntry(Base):
    """One change; written in its transaction, and never again."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(191), index=True)
    """The admin's, API key's or system account's name; empty: this site by itself."""
    how: Mapped[str] = mapped_column(String(16))
    """How they were known: `password`, `proxy`, `command`, `key`; `nobody` before a sign-in, or `site`."""
    address: Mapped[str] = mapped_column(String(64))
    """Where the call came from; empty for commands and jobs."""
    action: Mapped[str] = mapped_column(String(16))
    """A word in the past, such as `changed`."""
    noun: Mapped[str] = mapped_column(String(32), index=True)
    thing_id: Mapped[str] = mapped_column(String(191))
    thing: Mapped[str] = mapped_column(String(191))
    """What it was called at that time."""
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Values by field; of a secret nothing, its field stands in `after` alone, as None."""
    after: Mapped[dict[str, Any]] = mapped_column(JSON)
