"""The local site: one row, created at the first start."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from pointsync.db import Base, UtcDateTime


class Site(Base):
    __tablename__ = "site"

    id: Mapped[int] = mapped_column(primary_key=True)
    auth: Mapped[str] = mapped_column(String(191))
    """Identifies the site, and is the origin of its movements; it never changes."""
    sealed_pass: Mapped[str] = mapped_column(String(1000))
    sealed_old_pass: Mapped[str | None] = mapped_column(String(1000))
    old_pass_ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sealed_private_key: Mapped[str] = mapped_column(String(1000))
    public_key: Mapped[str] = mapped_column(String(64))
    marker: Mapped[str] = mapped_column(String(32))
    """A copy of it is in a file outside the database, so that a copied database can be recognised."""
    url: Mapped[str | None] = mapped_column(String(500))
    """The public URL of the last start; a start with another one means a move or a copy."""
    served_url: Mapped[str | None] = mapped_column(String(500))
    """Where `serve` last listened: the URL of a site without a public URL."""
    last_id: Mapped[int] = mapped_column(BigInteger, default=0)
    """The last movement id used, or received as this site's own. The row is locked when ids are allocated, so that
    movements of this site become visible in the order of their ids."""
    confirmed_id: Mapped[int] = mapped_column(BigInteger, default=0)
    """This site's ids up to here that are not in the database were lost in a restore, as an admin has confirmed."""
    hold: Mapped[str | None] = mapped_column(String(500))
    """Why sending is stopped until an admin says what this database is; None if it is not stopped."""
    setup_digest: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of the one-time token that creates the first admin."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @classmethod
    def get_for_update(cls, session: Session) -> "Site":
        """The site, locked until the transaction ends. New movement ids wait for this lock, too: see `last_id`."""
        return session.get_one(cls, 1, with_for_update=True, populate_existing=True)
