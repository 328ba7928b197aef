"""An origin: a site that movements come from, and what this site holds from it."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, Moment


class Origin(Base):
    """Another site by its Auth. Its row is the lock under which its movements are applied."""

    __tablename__ = "origin"

    auth: Mapped[str] = mapped_column(String(191), primary_key=True)
    public_key: Mapped[str | None] = mapped_column(String(64))
    """Pinned at the first good ping; from then on only this key speaks for the origin."""
    offered_key: Mapped[str | None] = mapped_column(String(64))
    """Another key that has answered in its name, until an admin takes it or the pinned one answers again."""
    key_refused_at: Mapped[datetime | None] = mapped_column(Moment)
    """When an admin has refused that key; None while nobody has decided."""
    first_seen_at: Mapped[datetime] = mapped_column(Moment)
    last_seen_at: Mapped[datetime | None] = mapped_column(Moment)
    """When it last called here with this site's Pass."""
    old_pass_at: Mapped[datetime | None] = mapped_column(Moment)
    """When it last called with the Pass that this site had before the present one."""
    new_pass_at: Mapped[datetime | None] = mapped_column(Moment)
    """Since when it calls with the present one; later than `old_pass_at` where it does so alone."""


class Holding(Base):
    """How much of an origin's is in a reserve: the `have` of the wire, without counting."""

    __tablename__ = "holding"

    origin: Mapped[str] = mapped_column(ForeignKey("origin.auth"), primary_key=True)
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger, default=0)
    max_id: Mapped[int] = mapped_column(BigInteger, default=0)
