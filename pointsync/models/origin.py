"""An origin: a site that movements come from, what this site holds from it, and who is turned away."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Select, String, select
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, UtcDateTime


class Origin(Base):
    """Another site by its Auth. Its row is the lock under which its movements are applied."""

    __tablename__ = "origin"

    auth: Mapped[str] = mapped_column(String(191), primary_key=True)
    public_key: Mapped[str | None] = mapped_column(String(64))
    """Pinned at the first good ping; from then on only this key speaks for the origin."""
    offered_key: Mapped[str | None] = mapped_column(String(64))
    """Another key that has answered in its name, until an admin takes it or the pinned one answers again."""
    key_refused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When an admin has refused that key; None while nobody has decided."""
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it last called here with this site's Pass."""
    old_pass_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it last called with the Pass that this site had before the present one."""
    new_pass_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when it calls with the present one; later than `old_pass_at` where it does so alone."""
    blocked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when nothing is taken from it, and nothing sent to it; None unless an admin has blocked it."""
    blocked_reason: Mapped[str | None] = mapped_column(String(500))
    blocked_by: Mapped[str | None] = mapped_column(String(191))
    """The admin's name, or `command`."""

    @classmethod
    def select_blocked_auths(cls) -> Select[str]:
        """The Auths of those that are blocked, to be asked in another query."""
        return select(cls.auth).where(cls.blocked_at.is_not(None))


class ReceivedSummary(Base):
    """How much of an origin's is in a reserve: the `have` of the wire, without counting."""

    __tablename__ = "holding"

    origin: Mapped[str] = mapped_column(ForeignKey("origin.auth"), primary_key=True)
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger, default=0)
    max_id: Mapped[int] = mapped_column(BigInteger, default=0)


class RefusedOrigin(Base):
    """A site whose calls are refused: it is blocked, or not listed where only listed ones are accepted.

    A table of its own, so that who is refused leaves no trace among the origins.
    """

    __tablename__ = "turned_away"

    auth: Mapped[str] = mapped_column(String(191), primary_key=True)
    code: Mapped[str] = mapped_column(String(16))
    """`blocked` or `not_listed`, at its last call."""
    calls: Mapped[int] = mapped_column(BigInteger)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
