"""The local site: one row, created at the first start."""

from datetime import datetime

from sqlalchemy import BigInteger, String, false, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime


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
    run: Mapped[str | None] = mapped_column(String(32))
    """Names one opening of this database; new whenever the first process opens it. Sent with every request."""
    call: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    """Incremented with every claimed batch, so that a database that was set back is recognised by its low number."""
    place: Mapped[str | None] = mapped_column(String(191))
    """Where the database was last opened, so that a copy is recognised; see `db.place`."""
    undigested_seq: Mapped[int | None] = mapped_column(RowNumber)
    """Movements up to here are from before digests existed and have none yet; None if all have one."""
    undigested_total: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    """`undigested_seq` at the upgrade, for the progress."""
    scrubbed_seq: Mapped[int] = mapped_column(RowNumber, default=0, server_default=text("0"))
    """The running scrub has read the movements up to here."""
    scrub_started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    scrub_finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the last whole scrub ended."""
    scrub_differences: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    """How many wrong balances, hourly totals and sums it found."""
    is_fetching_back: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether it fetches its lost movements back. Until that ends, it sends nothing; see `ledger.fetch_back.state`."""
    has_open_fetch: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether more remotes may be added to the fetch. Then it ends only when an admin says that all are listed."""
    restored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When an admin last said that the database was restored or set up again. Mails about earlier movements may have
    been sent before."""
    setup_digest: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of the one-time token that creates the first admin."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @classmethod
    def get_for_update(cls, session: Session) -> "Site":
        """The site, locked until the transaction ends. New movement ids wait for this lock, too: see `last_id`."""
        return session.get_one(cls, 1, with_for_update=True, populate_existing=True)
