"""An account of a customer in a shop: whose orders it has placed, as far as the shop has told it. Never deleted."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime
from pointsync.models.customer import EMAIL_TYPE


class ShopAccount(Base):
    """One row for each account that has ordered, or that the shop has reported."""

    __tablename__ = "shop_account"
    __table_args__ = (
        Index(
            "ix_shop_account_is_settling",
            "shop_id",
            "account_id",
            sqlite_where=text("is_settling = 1"),
            postgresql_where=text("is_settling"),
        ),
    )

    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id"), primary_key=True)
    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """The id of the customer in the shop."""
    email: Mapped[str | None] = mapped_column(EMAIL_TYPE)
    """Its address as it is now, normalised; None while the shop has not reported it, and once it is deleted."""
    modified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The shop's time of the newest report."""
    is_deleted: Mapped[bool] = mapped_column(default=False)
    is_settling: Mapped[bool] = mapped_column(default=False)
    """Whether orders of the account may still belong to another customer: a job moves them."""
    after_order_id: Mapped[int] = mapped_column(RowNumber, default=0)
    """The job has looked at the rows of orders up to this id."""
