"""An origin: a site whose movements this site has received, a summary of them, and the sites that are refused."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Select, String, false, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from pointsync import ids
from pointsync.db import Base, UInt128, UtcDateTime
from pointsync.digests import DigestSum
from pointsync.text_limits import is_storable


class Origin(Base):
    """Another site, identified by its Auth. Its row is locked while its movements are applied."""

    __tablename__ = "origin"

    auth: Mapped[str] = mapped_column(String(191), primary_key=True)
    public_key: Mapped[str | None] = mapped_column(String(64))
    """The origin must use this key, once it is known."""
    is_key_proven: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether it is pinned: a site at the URL that an admin entered proved that it has this key and knows the Pass, or
    an admin accepted it. Otherwise it is the key of the first signed request, which a proven key replaces."""
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
    run: Mapped[str | None] = mapped_column(String(32))
    """The run of its current database, from its requests; None before its first request with a run."""
    call: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    """The highest call number of that run."""
    last_id: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    """The last movement id that the origin had used at that call."""
    stamp: Mapped[str | None] = mapped_column(String(128))
    """Its signature over these three, which proves them to the origin itself."""
    previous_run: Mapped[str | None] = mapped_column(String(32))
    """The run before, which may prove for a while that it is alive."""
    replaced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the current run replaced the previous one."""
    nonce: Mapped[str | None] = mapped_column(String(32))
    """What a request of the previous run must repeat to prove that it is alive."""
    blocked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When an admin blocked it: nothing is accepted from it or sent to it. None if it is not blocked."""
    blocked_reason: Mapped[str | None] = mapped_column(String(500))
    blocked_by: Mapped[str | None] = mapped_column(String(191))
    """The admin's name, or `command`."""

    @property
    def pinned_key(self) -> str | None:
        """The key that it has proven on a remote, or that an admin accepted."""
        return self.public_key if self.is_key_proven else None

    @property
    def unproven_key(self) -> str | None:
        """The key of its first signed request, until it proves one on a remote."""
        return None if self.is_key_proven else self.public_key

    @property
    def undecided_key(self) -> str | None:
        """The key that an admin can accept or refuse: an offered one, or the unproven one."""
        if self.offered_key and not self.key_refused_at:
            return self.offered_key
        return self.unproven_key or self.offered_key

    def set_key(self, key: str | None, *, is_proven: bool) -> None:
        """Set or forget its key. Under another key, what earlier requests said about its runs is worth nothing."""
        if key != self.public_key:
            self.run = self.stamp = self.previous_run = self.replaced_at = self.nonce = None
            self.call = self.last_id = 0
        self.public_key, self.is_key_proven = key, is_proven

    @classmethod
    def find_auth(cls, session: Session, text: str) -> str:
        """The Auth that an admin means by `text`: that of an origin with exactly this name, else the normalised text.

        Version 0.1.0 took other spellings of an Auth as other origins, which an admin may still want to block.
        """
        is_known = is_storable(text) and session.get(cls, text) is not None
        return text if is_known else ids.normalise_auth(text.strip())

    @classmethod
    def find_for_update(cls, session: Session, auth: str) -> "Origin | None":
        """The current row, locked until the transaction ends; None if that site has never called."""
        return session.get(cls, auth, populate_existing=True, with_for_update=True)

    @classmethod
    def is_blocked(cls, session: Session, auth: str) -> bool:
        """Whether an admin has blocked the site with that Auth."""
        return session.scalar(select(cls.auth).where(cls.auth == auth, cls.blocked_at.is_not(None))) is not None

    @classmethod
    def select_blocked_auths(cls) -> Select[str]:
        """A subquery of the Auths of blocked origins."""
        return select(cls.auth).where(cls.blocked_at.is_not(None))


class ReceivedSummary(Base):
    """An origin's movements in a reserve: their number, highest id and hash. The `have` of the wire protocol."""

    __tablename__ = "holding"

    origin: Mapped[str] = mapped_column(ForeignKey("origin.auth"), primary_key=True)
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger, default=0)
    max_id: Mapped[int] = mapped_column(BigInteger, default=0)
    hash: Mapped[int | None] = mapped_column(UInt128, default=0)
    """The sum of their digests modulo 2¹²⁸; None counts as 0."""
    equal_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a batch of the origin last showed that these are what it has delivered; None after a manual edit."""
    doubted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when no batch and no ping has shown that, because movements were on their way; None without a doubt."""

    @property
    def held(self) -> DigestSum:
        """`count` and `hash`."""
        return DigestSum(self.count, self.hash or 0)

    @held.setter
    def held(self, held: DigestSum) -> None:
        self.count, self.hash = held.count, held.hash


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
