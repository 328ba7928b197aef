"""An origin: a site whose movements this site has received, a summary of them, and the sites that are refused."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Select, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pointsync.db import Base, UtcDateTime


class Origin(Base):
    """Another site, identified by its Auth. Its row is locked while its movements are applied."""

    __tablename__ = "origin"

    auth: Mapped[str] = mapped_column(String(191), primary_key=True)
    public_key: Mapped[str | None] = mapped_column(String(64))
    """Pinned at the first successful ping; from then on the origin must use this key."""
    offered_key: Mapped[str | None] = mapped_column(String(64))
    """A different key that the site answered with, until an admin accepts it or the site uses the pinned one again."""
    key_refused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When an admin refused the offered key; None before the decision."""
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it last called this site with a valid Pass."""
    old_pass_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it last used this site's previous Pass."""
    new_pass_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when it uses this site's current Pass; later than `old_pass_at` if it uses only that one."""
    blocked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When an admin blocked it: nothing is accepted from it or sent to it. None if it is not blocked."""
    blocked_reason: Mapped[str | None] = mapped_column(String(500))
    blocked_by: Mapped[str | None] = mapped_column(String(191))
    """The admin's name, or `command`."""

    @classmethod
    def is_blocked(cls, session: Session, auth: str) -> bool:
        """Whether an admin has blocked the site with that Auth."""
        return session.scalar(select(cls.auth).where(cls.auth == auth, cls.blocked_at.is_not(None))) is not None

    @classmethod
    def select_blocked_auths(cls) -> Select[str]:
        """A subquery of the Auths of blocked origins."""
        return select(cls.auth).where(cls.blocked_at.is_not(None))


class ReceivedSummary(Base):
    """The number of an origin's movements in a reserve, and their highest id: the `have` of the wire protocol."""

    __tablename__ = "holding"

    origin: Mapped[str] = mapped_column(ForeignKey("origin.auth"), primary_key=True)
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger, default=0)
    max_id: Mapped[int] = mapped_column(BigInteger, default=0)


class RefusedOrigin(Base):
    """A site whose calls are refused: it is blocked, or it is not listed and only listed sites are accepted.

    In its own table, so that a refused site does not become an origin.
    """

    __tablename__ = "turned_away"

    auth: Mapped[str] = mapped_column(String(191), primary_key=True)
    code: Mapped[str] = mapped_column(String(16))
    """`blocked` or `not_listed`, from its last call."""
    calls: Mapped[int] = mapped_column(BigInteger)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
