"""The expiry rule of a reserve, and the progress of its application."""

from datetime import date

from sqlalchemy import Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber


class ExpirySettings(Base):
    """A reserve that never had a rule has no row."""

    __tablename__ = "expiry"

    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    """`inactivity`, `transactional`, `yearly`, or `none` if the rule was disabled."""
    version: Mapped[int]
    """Incremented with each change of the rule. What an earlier version took stays, and is not recalculated."""
    count: Mapped[int | None]
    unit: Mapped[str | None] = mapped_column(String(8))
    """`days` or `months`: with `count`, the period after which points expire. None for a yearly rule."""
    month: Mapped[int | None]
    day: Mapped[int | None]
    """With `month`, the day of a yearly rule."""
    since: Mapped[date] = mapped_column(Date)
    """The day on which the rule was set; no points expire on an earlier day."""
    done_day: Mapped[date | None] = mapped_column(Date)
    """The last day for which the points of all customers were expired."""
    told_day: Mapped[date | None] = mapped_column(Date)
    """The last day on which the mails about expiring points were prepared for all customers."""
    seen_seq: Mapped[int] = mapped_column(RowNumber, default=0)
    """The last movement that was checked for late arrival."""
