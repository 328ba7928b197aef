"""A mail to a customer: owed from the moment of what it tells, until the mail server has taken it. Its texts, and
the mail server as it was last found."""

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
    """Which text it has: `reward`, `level` or `expiry`."""
    cause: Mapped[str] = mapped_column(String(300), unique=True)
    """The name of what it tells, so that nobody is told twice; its Message-ID is made of it."""
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"), index=True)
    """Whose address it goes to, as it is when it is sent; None for a test."""
    address: Mapped[str | None] = mapped_column(String(320))
    """Where a test goes."""
    reserve_id: Mapped[int | None] = mapped_column(ForeignKey("reserve.id"))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What belongs to that moment and may be another by the time it is sent: points, balance, title, day of loss."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it happened."""
    state: Mapped[str] = mapped_column(String(16), default=WAITING)
    """`waiting`, `sent`, `failed` or `dropped`."""
    attempts: Mapped[int] = mapped_column(default=0)
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Since when it waits: by this it is given up."""
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Before that it is not tried."""
    message: Mapped[str | None] = mapped_column(String(500))
    """The last error, or why it was dropped."""
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    customer: Mapped[Customer | None] = relationship(lazy="raise")
    reserve: Mapped[Reserve | None] = relationship(lazy="raise")

    @property
    def is_test(self) -> bool:
        """Whether an admin has asked for it, and no customer gets it."""
        return self.address is not None


class MailText(Base):
    """An admin's own words in place of the default ones."""

    __tablename__ = "mail_text"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    subject: Mapped[str] = mapped_column(String(150))
    body: Mapped[str] = mapped_column(Text)


class MailServerStatus(Base):
    """One row, made when the server first fails; all fields but `failures` are None while it answers."""

    __tablename__ = "mail_server"

    id: Mapped[int] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    """In a row."""
    message: Mapped[str | None] = mapped_column(String(500))
    failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Before that it is not called."""
