"""A hook: the endpoint for the webhooks of a WooCommerce shop, and the outcome of each delivery."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, Numeric, String
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
    """Points per unit of the order's total."""
    status: Mapped[str] = mapped_column(String(16), default="completed")
    """The order status at which points are given: `processing` or `completed`."""
    shop: Mapped[str | None] = mapped_column(String(500))
    """The shop that the first signed delivery named."""
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
    """`recorded`, `duplicate` or `unused`."""
    message: Mapped[str] = mapped_column(String(500))
