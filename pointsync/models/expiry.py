"""An expiry: by which rule the points of a reserve are lost, and how far that has been seen to."""

from datetime import date

from sqlalchemy import Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber


class ExpirySettings(Base):
    """A reserve's rule; a reserve that never had one has no row."""

    __tablename__ = "expiry"

    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    """`inactivity`, `transactional`, `yearly`, or `none` where it was switched off."""
    version: Mapped[int]
    """Counted up by each change of the rule: what an earlier one has taken stands, and is not worked out again."""
    count: Mapped[int | None]
    unit: Mapped[str | None] = mapped_column(String(8))
    """With `count` the period after which points are lost: `days` or `months`. A yearly rule has none."""
    month: Mapped[int | None]
    day: Mapped[int | None]
    """With `month` the day of a yearly rule."""
    since: Mapped[date] = mapped_column(Date)
    """The site's day on which it was set: nothing is lost by it on an earlier day."""
    done_day: Mapped[date | None] = mapped_column(Date)
    """The last day for which every customer was seen to."""
    told_day: Mapped[date | None] = mapped_column(Date)
    """The last day on which mails about points to be lost were thought of for every customer."""
    seen_seq: Mapped[int] = mapped_column(RowNumber, default=0)
    """The last movement that was looked at for having come late."""
