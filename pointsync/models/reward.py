"""A reward, which customers can redeem points for. And which reward a movement redeemed."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime


class Reward(Base):
    """Rewards are never deleted, only made inactive, because redemptions refer to their ids."""

    __tablename__ = "reward"
    __table_args__ = (UniqueConstraint("reserve_id", "title"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"))
    title: Mapped[str] = mapped_column(String(100))
    """Unique in the reserve, because sites compare their rewards by title."""
    description: Mapped[str] = mapped_column(String(500), default="")
    cost: Mapped[int] = mapped_column(BigInteger)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Redemption(Base):
    """Links a movement of this site to the reward that it redeemed."""

    __tablename__ = "redemption"

    movement_seq: Mapped[int] = mapped_column(RowNumber, ForeignKey("movement.seq"), primary_key=True)
    reward_id: Mapped[int] = mapped_column(ForeignKey("reward.id"))
