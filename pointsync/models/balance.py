"""A balance: a customer's points in one reserve, kept with every movement."""

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base


class Balance(Base):
    __tablename__ = "balance"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"), primary_key=True, index=True)
    points: Mapped[int] = mapped_column(BigInteger)
