"""Handing on the movements of a site that is gone: who may do it here, and what this site hands on."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime


class HandOnPermission(Base):
    """An admin allows one site to hand on another site's movements to this one."""

    __tablename__ = "hand_on_permission"

    origin: Mapped[str] = mapped_column(String(191), primary_key=True)
    """The Auth of the site that is gone."""
    sender: Mapped[str] = mapped_column(String(191), primary_key=True)
    """The Auth of the site that hands its movements on."""
    allowed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    allowed_by: Mapped[str] = mapped_column(String(191))
    """The admin's name, or `command`."""


class HandOn(Base):
    """Handing on the movements of one origin to one remote: running, stopped or finished."""

    __tablename__ = "hand_on"

    origin: Mapped[str] = mapped_column(String(191), primary_key=True)
    remote_id: Mapped[int] = mapped_column(ForeignKey("remote.id"), primary_key=True)
    after_seq: Mapped[int] = mapped_column(RowNumber, default=0)
    """The origin's movements here up to this row were sent."""
    sent: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int] = mapped_column(BigInteger, default=0)
    applied: Mapped[int] = mapped_column(BigInteger, default=0)
    """How many of them the remote lacked."""
    refused: Mapped[int] = mapped_column(BigInteger, default=0)
    """How many of them it refused, or holds with other content."""
    message: Mapped[str | None] = mapped_column(String(500))
    """Why the last call failed; None if it did not."""
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """No call before."""
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def state(self) -> str:
        """`running`, `stopped` or `finished`."""
        return "finished" if self.finished_at else "stopped" if self.stopped_at else "running"
