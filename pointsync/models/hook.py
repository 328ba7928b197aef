"""A hook: the endpoint for the webhooks of a WooCommerce shop, and its deliveries: outcomes, and those that wait."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, Numeric, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pointsync.db import Base, RowNumber, UtcDateTime
from pointsync.models.reserve import Reserve


class Hook(Base):
    __tablename__ = "hook"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(32), unique=True)
    """A random id for the URL. Deliveries are authenticated with the secret."""
    name: Mapped[str] = mapped_column(String(64), index=True)
    """The source of its movements' refs; a new hook with the same name continues with them."""
    sealed_secret: Mapped[str] = mapped_column(String(1000))
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"))
    rule: Mapped[str] = mapped_column(String(16))
    """`orders` or `movements`."""
    rate: Mapped[Decimal] = mapped_column(Numeric(12, 6), default=Decimal(1))
    """Points per unit of money, rounded to 6 decimals; `order_rule` has it exactly."""
    status: Mapped[str] = mapped_column(String(16), default="completed")
    """The first of the order statuses at which points are given; `order_rule` has all of them."""
    order_rule: Mapped[str | None] = mapped_column(Text)
    """What an order is worth, as JSON: see `ledger.orders.rule`. None for hooks that record movements."""
    early_rule: Mapped[str | None] = mapped_column(Text)
    """The rule by which it recorded orders before orders had rows, whatever its rule is now. None for later hooks."""
    last_order: Mapped[str | None] = mapped_column(Text)
    """The last order that it received, as JSON, without the customer: an example for the form."""
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shop.id"))
    """The shop of the first delivery that was recorded."""
    shop: Mapped[str | None] = mapped_column(String(500))
    """The address of that delivery, as the shop wrote it."""
    key_shop: Mapped[str | None] = mapped_column(String(64))
    """The shop whose API keys report the orders; None if webhooks deliver them."""
    seen_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When orders were last reported by the API. Each report has a later time, also if the clock was set back."""
    stack: Mapped[str | None] = mapped_column(String(191))
    """The shop's own name of the reserve in the first movement; movements with another name are ignored."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    reserve: Mapped[Reserve] = relationship(lazy="joined")


class HookDelivery(Base):
    __tablename__ = "hook_delivery"
    __table_args__ = (
        Index("ix_hook_delivery_hook_id_id", "hook_id", "id"),
        Index(
            "ix_hook_delivery_problem",
            "hook_id",
            "id",
            sqlite_where=text("problem IS NOT NULL"),
            postgresql_where=text("problem IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    hook_id: Mapped[int] = mapped_column(ForeignKey("hook.id"))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    topic: Mapped[str] = mapped_column(String(191))
    outcome: Mapped[str] = mapped_column(String(16))
    """`recorded`, `duplicate`, `unused` or `kept`."""
    message: Mapped[str] = mapped_column(String(500))
    problem: Mapped[str | None] = mapped_column(String(16))
    """A value of `DeliveryProblem` if an admin has something to do; None again once an admin has dismissed it."""


class KeptDelivery(Base):
    """A delivery that is counted later: after an admin has said whose address it is from, after lost movements are
    back, if the shop cannot be asked what the order is now, or once it is known which shop or customer it is about. Of
    each order, account or movement, only the newest one is kept."""

    __tablename__ = "kept_delivery"
    __table_args__ = (Index("uq_kept_delivery", "hook_id", "address", "topic_kind", "thing_id", unique=True),)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    hook_id: Mapped[int] = mapped_column(ForeignKey("hook.id"))
    address: Mapped[str] = mapped_column(String(500))
    """The shop's address, normalised; empty if the delivery named none."""
    topic_kind: Mapped[str] = mapped_column(String(16))
    """`order`, `deleted`, `account` or `movement`."""
    thing_id: Mapped[int] = mapped_column(BigInteger)
    """The id of the order, the account or the movement in the shop."""
    account_id: Mapped[int | None] = mapped_column(BigInteger)
    """The account that an order waits for."""
    topic: Mapped[str] = mapped_column(String(191))
    shop: Mapped[str] = mapped_column(String(500))
    """The address as the shop wrote it."""
    body: Mapped[bytes] = mapped_column(LargeBinary)
    """The JSON, compressed with zlib."""
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(16))
    """Why it waits: `address`, `fetching_back`, `reading`, `shop` or `account`: see `woocommerce.kept`."""
