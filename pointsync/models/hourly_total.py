"""A flow: what an hour's movements of one origin and one kind in one reserve came to."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, UtcDateTime


class HourlyTotal(Base):
    """Kept with the movements, in their transaction: pictures and settlements read hours, not a million movements."""

    __tablename__ = "flow"

    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    """The start of the hour, in UTC, of their `at`: when they were made, which is the same on every site."""
    origin: Mapped[str] = mapped_column(String(191), primary_key=True)
    """The Auth of the site where they were made, this one included."""
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    """What was sold and spent is told apart from what was lost or put right."""
    movements: Mapped[int] = mapped_column(BigInteger)
    """Those of no points left out, which no other site hears of."""
    given: Mapped[int] = mapped_column(BigInteger)
    """The sum of the points above zero."""
    taken: Mapped[int] = mapped_column(BigInteger)
    """The sum of the points below zero, as a number above zero."""
