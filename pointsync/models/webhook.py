"""A webhook: an endpoint of a shop that learns of changed points, and how far it has got in the feed."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, UtcDateTime


class Webhook(Base):
    __tablename__ = "webhook"

    id: Mapped[int] = mapped_column(primary_key=True)
    shop: Mapped[str | None] = mapped_column(String(64))
    """The shop whose API key has added it, and whose keys see it; None if an admin has added it."""
    url: Mapped[str] = mapped_column(String(500))
    sealed_secret: Mapped[str] = mapped_column(String(1000))
    cursor: Mapped[str] = mapped_column(String(100))
    """The position in the feed after the last message that the endpoint has accepted."""
    is_restarted: Mapped[bool] = mapped_column(default=False)
    """Its position became invalid, so it begins anew at the end of the feed. The next message says so."""
    failures: Mapped[int] = mapped_column(default=0)
    """Consecutive failures."""
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The first of them."""
    last_failure_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The endpoint is not called before."""
    last_error: Mapped[str | None] = mapped_column(String(500))
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was switched off, because it had failed for days or said that it is gone."""
