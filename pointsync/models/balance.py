"""A balance: a customer's points in one reserve, updated with every movement."""

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base


class Balance(Base):
    __tablename__ = "balance"
    # For lists of customers sorted by points.
    __table_args__ = (Index("ix_balance_points", "reserve_id", "points", "customer_id"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"), primary_key=True)
    points: Mapped[int] = mapped_column(BigInteger)
