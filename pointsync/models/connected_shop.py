"""A WordPress shop that is connected by a one-use code, and what its plugin has last reported."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pointsync.db import Base, UtcDateTime


class ConnectedShop(Base):
    __tablename__ = "connected_shop"
    __table_args__ = (
        Index(
            "uq_connected_shop_name",
            "name",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    """The shop of its API key, and of the rule by which its orders count."""
    code_digest: Mapped[str | None] = mapped_column(String(64), unique=True)
    """SHA-256 of the newest code, in hex. A code has 128 random bits, so a plain hash is safe. None without a code."""
    code_ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    code_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    plugin_id: Mapped[str | None] = mapped_column(String(32), index=True)
    """The random id that the plugin has generated. None until the code was used."""
    home_url: Mapped[str | None] = mapped_column(String(500))
    """The address to which its key is bound, as the plugin wrote it."""
    title: Mapped[str | None] = mapped_column(String(191))
    """What the shop calls itself."""
    key_id: Mapped[int | None] = mapped_column(ForeignKey("api_key.id"), unique=True)
    """The key that it got for the code. None before that, and when it has disconnected."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    connected_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a code was last used."""
    disconnected_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the plugin has said that it disconnects. None again after the next code."""
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When an admin has disconnected it. It is not listed from then on."""

    state: Mapped["ShopState | None"] = relationship(viewonly=True)


class ShopState(Base):
    """What the plugin has last reported; in its own table, so that the API need not read it with each call."""

    __tablename__ = "shop_state"

    connected_shop_id: Mapped[int] = mapped_column(ForeignKey("connected_shop.id"), primary_key=True)
    reported_at: Mapped[datetime] = mapped_column(UtcDateTime)
    document: Mapped[str] = mapped_column(Text)
    """JSON: see `shops.plugin_report`."""
