"""The audit log: who changed what, when and from where, with the values before and after."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime

MIN_RETENTION_DAYS = 365
"""Triggers in the database refuse to delete younger rows and to change any row; see the migration."""


class AuditEntry(Base):
    """One change, written in the same transaction. Rows are never updated."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(191), index=True)
    """The name of the admin, API key or system account; empty for the site itself."""
    how: Mapped[str] = mapped_column(String(16))
    """How the actor was identified: `password`, `proxy`, `command` or `key`; `nobody` before a sign-in; or `site`."""
    address: Mapped[str] = mapped_column(String(64))
    """The address of the caller; empty for commands and jobs."""
    action: Mapped[str] = mapped_column(String(16))
    """A verb in the past tense, such as `changed`."""
    noun: Mapped[str] = mapped_column(String(32), index=True)
    thing_id: Mapped[str] = mapped_column(String(191))
    thing: Mapped[str] = mapped_column(String(191))
    """Its name at that time."""
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Values by field. A secret has no value: only its field is in `after`, as None."""
    after: Mapped[dict[str, Any]] = mapped_column(JSON)
