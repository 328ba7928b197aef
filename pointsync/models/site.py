"""The local site: one row, made at the first start."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, UtcDateTime


class Site(Base):
    __tablename__ = "site"

    id: Mapped[int] = mapped_column(primary_key=True)
    auth: Mapped[str] = mapped_column(String(191))
    """Its name for life: the origin of its movements."""
    sealed_pass: Mapped[str] = mapped_column(String(1000))
    sealed_old_pass: Mapped[str | None] = mapped_column(String(1000))
    old_pass_ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sealed_private_key: Mapped[str] = mapped_column(String(1000))
    public_key: Mapped[str] = mapped_column(String(64))
    marker: Mapped[str] = mapped_column(String(32))
    """The same stands in a file outside the database, so that a copy is told from the real site."""
    url: Mapped[str | None] = mapped_column(String(500))
    """The public URL that it was last told; a start with another one is a move or a copy."""
    served_url: Mapped[str | None] = mapped_column(String(500))
    """Where `serve` last answered: the URL of a site that was told none."""
    last_id: Mapped[int] = mapped_column(BigInteger, default=0)
    """The last movement id made, or heard of as ours. Its row is the lock under which ids are made,
    so that movements of this site become visible in the order of their ids."""
    confirmed_id: Mapped[int] = mapped_column(BigInteger, default=0)
    """Ids up to it that are ours but not in this database were lost in a restore that an admin has confirmed."""
    hold: Mapped[str | None] = mapped_column(String(500))
    """Why nothing is sent until an admin has said what this database is; None: send."""
    setup_digest: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of the one-time token that creates the first admin."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
