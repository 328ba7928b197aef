"""A points reserve, where customers' points are kept."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, UtcDateTime


class Reserve(Base):
    __tablename__ = "reserve"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    """Its name in the wire protocol; never changed and never used again."""
    name: Mapped[str] = mapped_column(String(191))
    is_active: Mapped[bool] = mapped_column(default=True)
    may_go_below_zero: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
