"""Hourly totals: the movements of one hour, origin, reserve and kind, summed up."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, UtcDateTime


class HourlyTotal(Base):
    """Updated in the transaction of the movements, so that charts and settlements need not read the movements."""

    __tablename__ = "flow"

    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    """The start of the hour in UTC, by the movements' `at`, which is the same on every site."""
    origin: Mapped[str] = mapped_column(String(191), primary_key=True)
    """The Auth of the site that recorded them first, also this one."""
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    movements: Mapped[int] = mapped_column(BigInteger)
    """Without movements of 0 points, which are not sent to other sites."""
    given: Mapped[int] = mapped_column(BigInteger)
    """The sum of the positive points."""
    taken: Mapped[int] = mapped_column(BigInteger)
    """The sum of the negative points, as a positive number."""
