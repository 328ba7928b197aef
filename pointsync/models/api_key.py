"""An API key: what a shop's own software shows when it calls, what it may do with it, and when it last did."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pointsync.db import Base, UtcDateTime


class ApiKey(Base):
    __tablename__ = "api_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    """The source of its movements' refs; a key made again under this name goes on with them."""
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the key, in hex. The key has 256 random bits, so a plain hash gives nothing away."""
    scopes: Mapped[str] = mapped_column(String(64))
    """What it may do: names of scopes with spaces between them, as OAuth writes them (RFC 6749, 3.3)."""
    per_minute: Mapped[int | None]
    """Calls that it may make in a minute; None: as many as it likes."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """From then on it is refused."""
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    use: Mapped["ApiKeyUse | None"] = relationship(lazy="joined", viewonly=True)

    def has_scope(self, scope: str) -> bool:
        """Whether it has that scope."""
        return scope in self.scopes.split()

    def has_expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


class ApiKeyUse(Base):
    """When a key was last used; apart from it, since this is no change of the key."""

    __tablename__ = "key_use"

    key_id: Mapped[int] = mapped_column(ForeignKey("api_key.id"), primary_key=True)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)
