"""An attempt: one try to send deliveries to a remote, with its outcome. Also the totals per day."""

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
    """The row is written before the call, so that an attempt is recorded even if the process dies."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    first_delivery_id: Mapped[int] = mapped_column(RowNumber)
    deliveries: Mapped[int]
    """The number of deliveries in the call."""
    delivered: Mapped[int] = mapped_column(default=0)
    code: Mapped[str | None] = mapped_column(String(32))
    """`ok` or the code of the failure; None during the call."""
    message: Mapped[str | None] = mapped_column(String(500))

    @classmethod
    def failed_condition(cls) -> ColumnElement[bool]:
        """For queries: the attempt failed. As a literal, since a bound parameter would not use the partial index."""
        return cls.code != literal_column("'ok'", String)


class DailyDeliveryTotal(Base):
    """Totals per remote and day, from which the average is computed after the attempts are deleted."""

    __tablename__ = "tally"

    remote_id: Mapped[int] = mapped_column(ForeignKey("remote.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    tries: Mapped[int] = mapped_column(default=0)
    """The sum of the attempts of all deliveries that were acknowledged on this day."""
    delivered: Mapped[int] = mapped_column(default=0)
