"""An API key, with which a shop's own software calls the API."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pointsync.db import Base, UtcDateTime
from pointsync.models.connected_shop import ConnectedShop
from pointsync.scopes import allows


class ApiKey(Base):
    __tablename__ = "api_key"
    __table_args__ = (Index("ix_api_key_old_digest", "old_digest", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    shop: Mapped[str] = mapped_column(String(64), server_default=text("''"))
    """The name of its shop, to which the refs of its movements and holds belong. Several keys may have the same one."""
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the key, in hex. The key has 256 random bits, so a plain hash is safe."""
    old_digest: Mapped[str | None] = mapped_column(String(64))
    """The same of the key before the last rotation, which is accepted until `old_ends_at`."""
    old_ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    scopes: Mapped[str] = mapped_column(String(64))
    """Names of scopes, separated by spaces, as in OAuth (RFC 6749, 3.3)."""
    per_minute: Mapped[int | None]
    """The most calls per minute; None for no limit."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The key is refused from then on."""
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    use: Mapped["ApiKeyUse | None"] = relationship(lazy="joined", viewonly=True)
    connected_shop: Mapped[ConnectedShop | None] = relationship(lazy="joined", viewonly=True, uselist=False)
    """The shop to whose address the key is bound; None if it works from anywhere."""

    @property
    def ref_source(self) -> str:
        """The source of the refs that its shop gives."""
        return f"api:{self.shop}"

    def has_scope(self, scope: str) -> bool:
        """Whether the key has this scope, or one that includes it."""
        return allows(self.scopes.split(), scope)

    def has_expired(self, now: datetime) -> bool:
        """Whether the key has expired."""
        return self.expires_at is not None and self.expires_at <= now


class ApiKeyUse(Base):
    """When a key was last used; in its own table, so that the audit log does not see it as a change of the key."""

    __tablename__ = "key_use"

    key_id: Mapped[int] = mapped_column(ForeignKey("api_key.id"), primary_key=True)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)
