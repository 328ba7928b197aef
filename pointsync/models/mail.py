"""A mail to a customer, which waits until the mail server accepts it. Also custom texts, and the server's status."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pointsync.db import Base, RowNumber, UtcDateTime
from pointsync.models.customer import Customer
from pointsync.models.reserve import Reserve

WAITING, SENT, FAILED, DROPPED = "waiting", "sent", "failed", "dropped"
STATES = (WAITING, SENT, FAILED, DROPPED)
REWARD, LEVEL, EXPIRY = "reward", "level", "expiry"
KINDS = (REWARD, LEVEL, EXPIRY)


class Mail(Base):
    __tablename__ = "mail"
    __table_args__ = (
        Index("ix_mail_state_id", "state", "id"),
        Index(
            "ix_mail_due",
            "next_at",
            "id",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    """`reward`, `level` or `expiry`; selects the text."""
    cause: Mapped[str] = mapped_column(String(300), unique=True)
    """Identifies the event, so that only one mail is sent about it; the Message-ID is derived from it."""
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"), index=True)
    """The recipient; the address is read when the mail is sent. None for a test mail."""
    address: Mapped[str | None] = mapped_column(String(320))
    """The address of a test mail."""
    reserve_id: Mapped[int | None] = mapped_column(ForeignKey("reserve.id"))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Values at the time of the event, since they may have changed when the mail is sent."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the event happened."""
    state: Mapped[str] = mapped_column(String(16), default=WAITING)
    """`waiting`, `sent`, `failed` or `dropped`."""
    attempts: Mapped[int] = mapped_column(default=0)
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """A mail that has waited too long since then fails."""
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """The mail is not tried before."""
    message: Mapped[str | None] = mapped_column(String(500))
    """The last error, or why it was dropped."""
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    customer: Mapped[Customer | None] = relationship(lazy="raise")
    reserve: Mapped[Reserve | None] = relationship(lazy="raise")

    @property
    def is_test(self) -> bool:
        """Whether it is a test mail to an admin."""
        return self.address is not None


class MailText(Base):
    """A text that replaces the default one."""

    __tablename__ = "mail_text"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    subject: Mapped[str] = mapped_column(String(150))
    body: Mapped[str] = mapped_column(Text)


class MailServerStatus(Base):
    """One row, created when the server first fails; while it works, all fields except `failures` are None."""

    __tablename__ = "mail_server"

    id: Mapped[int] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    """Consecutive failures."""
    message: Mapped[str | None] = mapped_column(String(500))
    failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The server is not called before."""
