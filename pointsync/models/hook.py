"""A hook: the endpoint for the webhooks of a WooCommerce shop, and its deliveries: outcomes, and those that wait."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, Numeric, String, Text
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
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shop.id"))
    """The shop of the first delivery that was recorded."""
    shop: Mapped[str | None] = mapped_column(String(500))
    """The address of that delivery, as the shop wrote it."""
    stack: Mapped[str | None] = mapped_column(String(191))
    """The shop's own name of the reserve in the first movement; movements with another name are ignored."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    reserve: Mapped[Reserve] = relationship(lazy="joined")


class HookDelivery(Base):
    __tablename__ = "hook_delivery"
    __table_args__ = (Index("ix_hook_delivery_hook_id_id", "hook_id", "id"),)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    hook_id: Mapped[int] = mapped_column(ForeignKey("hook.id"))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    topic: Mapped[str] = mapped_column(String(191))
    outcome: Mapped[str] = mapped_column(String(16))
    """`recorded`, `duplicate`, `unused` or `kept`."""
    message: Mapped[str] = mapped_column(String(500))


class KeptDelivery(Base):
    """A delivery that is counted later: after an admin has said whose address it is from, or after lost movements are
    back. Of each order or movement, only the newest one is kept."""

    __tablename__ = "kept_delivery"
    __table_args__ = (Index("uq_kept_delivery", "hook_id", "address", "topic_kind", "thing_id", unique=True),)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    hook_id: Mapped[int] = mapped_column(ForeignKey("hook.id"))
    address: Mapped[str] = mapped_column(String(500))
    """The shop's address, normalised; empty if the delivery named none."""
    topic_kind: Mapped[str] = mapped_column(String(16))
    """`order`, `deleted` or `movement`."""
    thing_id: Mapped[int] = mapped_column(BigInteger)
    """The id of the order or the movement in the shop."""
    topic: Mapped[str] = mapped_column(String(191))
    shop: Mapped[str] = mapped_column(String(500))
    """The address as the shop wrote it."""
    body: Mapped[bytes] = mapped_column(LargeBinary)
    """The JSON, compressed with zlib."""
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(16))
    """Why it waits: `address` or `fetching_back`."""
