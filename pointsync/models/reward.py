"""A reward: what points of a reserve are redeemed for. And which reward a movement has redeemed."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime


class Reward(Base):
    """Never deleted, only made inactive: its id stays the name of what was redeemed."""

    __tablename__ = "reward"
    __table_args__ = (UniqueConstraint("reserve_id", "title"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"))
    title: Mapped[str] = mapped_column(String(100))
    """By it sites compare their rewards, so a reserve has it once."""
    description: Mapped[str] = mapped_column(String(500), default="")
    cost: Mapped[int] = mapped_column(BigInteger)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Redemption(Base):
    """Of a movement that this site made for a reward."""

    __tablename__ = "redemption"

    movement_seq: Mapped[int] = mapped_column(RowNumber, ForeignKey("movement.seq"), primary_key=True)
    reward_id: Mapped[int] = mapped_column(ForeignKey("reward.id"))
