"""A read-only key of a shop's REST API, how far its orders were read with it, and what was asked of shops for one."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, UtcDateTime


class ShopKey(Base):
    __tablename__ = "shop_key"

    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id"), primary_key=True)
    url: Mapped[str] = mapped_column(String(500))
    """Where the shop is called, without a slash at the end."""
    sealed_consumer_key: Mapped[str] = mapped_column(String(1000))
    sealed_consumer_secret: Mapped[str] = mapped_column(String(1000))
    key_end: Mapped[str] = mapped_column(String(8))
    """The last characters of the consumer key, as WooCommerce's own list shows them."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the shop is called next."""
    read_until: Mapped[datetime] = mapped_column(UtcDateTime)
    """Changes of orders up to this time were read; the next reading begins a little before."""
    walk: Mapped[str | None] = mapped_column(Text)
    """How far the reading of changes has come, as JSON; None if none is under way. See `woocommerce.reading.walk`."""
    night_walk: Mapped[str | None] = mapped_column(Text)
    """The same of the reading of the last 90 days."""
    night_done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the last reading of 90 days began that is complete."""
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(default=0)
    """Failed readings in a row."""
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    code: Mapped[str | None] = mapped_column(String(32))
    """Why the last reading failed: a code of `woocommerce.reading.rest_api`."""
    message: Mapped[str | None] = mapped_column(String(500))


class ShopKeyRequest(Base):
    """A key that an admin asks a shop for. The shop answers with the secret state, once and within minutes."""

    __tablename__ = "shop_key_request"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The SHA-256 of the state."""
    hook_id: Mapped[int] = mapped_column(ForeignKey("hook.id"), index=True)
    url: Mapped[str] = mapped_column(String(500))
    asked_by: Mapped[str] = mapped_column(String(191))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    problem: Mapped[str | None] = mapped_column(String(500))
    """Why the key that came was not stored."""
