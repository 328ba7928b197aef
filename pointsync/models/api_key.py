"""An API key, with which a shop's own software calls the API."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pointsync.db import Base, UtcDateTime
from pointsync.scopes import allows


class ApiKey(Base):
    __tablename__ = "api_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    """The source of its movements' refs; a new key with the same name continues with them."""
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the key, in hex. The key has 256 random bits, so a plain hash is safe."""
    scopes: Mapped[str] = mapped_column(String(64))
    """Names of scopes, separated by spaces, as in OAuth (RFC 6749, 3.3)."""
    per_minute: Mapped[int | None]
    """The most calls per minute; None for no limit."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The key is refused from then on."""
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    use: Mapped["ApiKeyUse | None"] = relationship(lazy="joined", viewonly=True)

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
