"""An order of a shop: the last state seen, and the points that it has given so far. Never deleted."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime


class ShopOrder(Base):
    """One row for each order of a shop. If the shop uses an id again, the order before is kept as *replaced*."""

    __tablename__ = "shop_order"
    __table_args__ = (
        Index(
            "uq_shop_order_current",
            "shop_id",
            "order_id",
            unique=True,
            sqlite_where=text("replaced_at IS NULL"),
            postgresql_where=text("replaced_at IS NULL"),
        ),
        Index(
            "ix_shop_order_problem",
            "id",
            sqlite_where=text("problem IS NOT NULL"),
            postgresql_where=text("problem IS NOT NULL"),
        ),
        Index("ix_shop_order_order_id", "order_id"),
        Index(
            "ix_shop_order_account",
            "shop_id",
            "account_id",
            "id",
            sqlite_where=text("account_id > 0"),
            postgresql_where=text("account_id > 0"),
        ),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id"))
    order_id: Mapped[int] = mapped_column(BigInteger)
    order_key: Mapped[str | None] = mapped_column(String(191))
    """The shop's random key of the order: another key is another order."""
    account_id: Mapped[int | None] = mapped_column(BigInteger)
    """The account of the customer in the shop; 0 for a guest, None if no report has told it."""
    number: Mapped[str] = mapped_column(String(64), default="")
    first_n: Mapped[int] = mapped_column(default=1)
    """The number of its first movement; those below belong to orders that had the same id before."""
    n: Mapped[int] = mapped_column(default=0)
    """The number of its last movement, whose ref is `order:<order_id>:<n>`."""
    status: Mapped[str] = mapped_column(String(40), default="")
    currency: Mapped[str] = mapped_column(String(8), default="")
    ordered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the customer ordered, as far as the shop has told it."""
    modified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The shop's time of the newest state seen."""
    highest_refund_id: Mapped[int] = mapped_column(BigInteger, default=0)
    highest_line_id: Mapped[int] = mapped_column(BigInteger, default=0)
    """The highest ids in that state: of two states of the same second, the later one has a higher one."""
    is_deleted: Mapped[bool] = mapped_column(default=False)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When that state was reported here; if the shop was asked for it, when it was asked."""
    is_stale: Mapped[bool] = mapped_column(default=False)
    """Movements of the order came back after a restore: what it has given is read from them again."""
    problem: Mapped[str | None] = mapped_column(String(32))
    """A value of `OrderProblem` if an admin has something to do."""
    replaced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the shop used its id for another order."""


class ShopOrderPoints(Base):
    """The points that a customer has from an order in a reserve: the sum of the order's movements."""

    __tablename__ = "shop_order_points"

    shop_order_id: Mapped[int] = mapped_column(ForeignKey("shop_order.id"), primary_key=True)
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    points: Mapped[int] = mapped_column(BigInteger)
    given_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the customer got the first of them."""
    rule_id: Mapped[int | None] = mapped_column(ForeignKey("order_rule.id"))
    """The rule as it was when the order first counted in this reserve."""


class StoredOrderRule(Base):
    """A rule that orders were counted by, once for all of them."""

    __tablename__ = "order_rule"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """The SHA-256 of the text."""
    content: Mapped[str] = mapped_column(Text)
    """JSON: see `ledger.orders.rule`."""
