"""An attempt: one try to send deliveries to a remote, with its outcome; and the tally of days."""

from datetime import date, datetime

from sqlalchemy import ColumnElement, ForeignKey, Index, String, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime

FAILED_SQL = "code <> 'ok'"


class Attempt(Base):
    __tablename__ = "attempt"
    __table_args__ = (
        Index("ix_attempt_remote_id_id", "remote_id", "id"),
        Index("ix_attempt_failed", "remote_id", "id", sqlite_where=text(FAILED_SQL), postgresql_where=text(FAILED_SQL)),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    remote_id: Mapped[int] = mapped_column(ForeignKey("remote.id"))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    """Stored before the call is made: a process that dies in between leaves its trace."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    first_delivery_id: Mapped[int] = mapped_column(RowNumber)
    deliveries: Mapped[int]
    """How many deliveries the call carried."""
    delivered: Mapped[int] = mapped_column(default=0)
    code: Mapped[str | None] = mapped_column(String(32))
    """`ok`, or a ping code that names the failure; None while the call is made."""
    message: Mapped[str | None] = mapped_column(String(500))

    @classmethod
    def failed_condition(cls) -> ColumnElement[bool]:
        """That an attempt has failed, spelled out: a bound parameter would not find the partial index."""
        return cls.code != literal_column("'ok'", String)


class DailyDeliveryTotal(Base):
    """What a day's attempts came to, per remote: the average outlives the attempts themselves."""

    __tablename__ = "tally"

    remote_id: Mapped[int] = mapped_column(ForeignKey("remote.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    tries: Mapped[int] = mapped_column(default=0)
    """Attempts that the deliveries acknowledged on this day had needed, added up."""
    delivered: Mapped[int] = mapped_column(default=0)
