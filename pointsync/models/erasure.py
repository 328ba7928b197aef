"""Erasures of people: who requested them, what was done here, and which sites and backups are left.

Nothing here names an erased person: addresses are kept as keyed hashes, and encrypted only as long as somebody has to
get them.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime


class ErasureKey(Base):
    """The key with which a site hashes the addresses that it erases. It is made with the first erasure, for ever."""

    __tablename__ = "erasure_key"

    origin: Mapped[str] = mapped_column(String(191), primary_key=True)
    """The Auth of the site; this site's own key is there, too."""
    sealed_key: Mapped[str] = mapped_column(String(1000))
    """64 hex digits."""


_UNFINISHED = "carried_out_at IS NOT NULL AND (cleaned_at IS NULL OR sealed_addresses IS NOT NULL)"


class Erasure(Base):
    __tablename__ = "erasure"
    __table_args__ = (
        UniqueConstraint("origin", "change_id"),
        Index(
            "ix_erasure_waiting",
            "due_at",
            sqlite_where=text("effective_at IS NULL AND stopped_at IS NULL"),
            postgresql_where=text("effective_at IS NULL AND stopped_at IS NULL"),
        ),
        Index("ix_erasure_unfinished", "id", sqlite_where=text(_UNFINISHED), postgresql_where=text(_UNFINISHED)),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    origin: Mapped[str | None] = mapped_column(String(191))
    """With `change_id`: the change that erases. Both are None until it is made."""
    change_id: Mapped[str | None] = mapped_column(String(64))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it was requested here, or when it arrived from another site."""
    requested_by: Mapped[str] = mapped_column(String(191))
    """The admin or the API key; for one of another site, its Auth."""
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it takes effect unless it is stopped."""
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stopped_by: Mapped[str | None] = mapped_column(String(191))
    effective_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """What is dated before belongs to the erased person."""
    carried_out_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the addresses were taken away here."""
    cleaned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When no text, mail, file or log entry of this site named the person any more."""
    position: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """How far it is here, see `ledger.people.erasure.position`."""
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What was erased here: numbers by what was counted."""
    seen: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """By origin, the id of the last change that the erasure's origin knew: what it did not know is erased, too."""
    not_seen: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """By origin, the ids of earlier changes that did not count there, as they waited for an admin or were refused."""
    sealed_addresses: Mapped[str | None] = mapped_column(Text)
    """The addresses, as JSON. None as soon as this site is clean and all sites of the family have the erasure."""


class ErasedAddress(Base):
    """An address of an erased person, as a keyed hash. See `ledger.people.erased.tokens`."""

    __tablename__ = "erased_address"
    __table_args__ = (UniqueConstraint("hash", "erasure_id"),)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    hash: Mapped[str] = mapped_column(String(40))
    """BLAKE2b of the address, keyed with the key of the erasure's origin."""
    erasure_id: Mapped[int] = mapped_column(RowNumber, ForeignKey("erasure.id"), index=True)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    """What is dated before it belongs to the erased person: the erasure's `effective_at`."""
    token: Mapped[str] = mapped_column(String(100), unique=True)
    """The token of the address."""


class ErasureReceipt(Base):
    """What another site has reported about an erasure of this site."""

    __tablename__ = "erasure_receipt"
    __table_args__ = (UniqueConstraint("erasure_id", "auth"),)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    erasure_id: Mapped[int] = mapped_column(RowNumber, ForeignKey("erasure.id"))
    auth: Mapped[str] = mapped_column(String(191))
    name: Mapped[str] = mapped_column(String(500))
    """Its name, or its URL, at that time."""
    is_told_by_hand: Mapped[bool] = mapped_column(default=False)
    """Whether an admin has confirmed that the owner was informed, because the site cannot get erasures."""
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the person was erased there."""
    cleaned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When nothing there named the person any more."""
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    ask_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the site is asked again what it has done; None before it was asked."""
    ticked_by: Mapped[str | None] = mapped_column(String(191))
    """The admin who has informed the owner of the site."""


class BackupFile(Base):
    """A backup that `pointsync backup` has made: it still names everybody who was erased later."""

    __tablename__ = "backup_file"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    path: Mapped[str] = mapped_column(String(500), unique=True)


class AuditPermit(Base):
    """While a transaction has a row here, it may replace an erased person's address in the audit log."""

    __tablename__ = "audit_permit"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
