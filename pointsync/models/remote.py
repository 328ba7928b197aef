"""A remote: one row of the Remote sites list, observed reserve here → target reserve there."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, false, text
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from pointsync.db import Base, RowNumber, UInt128, UtcDateTime
from pointsync.digests import DigestSum
from pointsync.models.reserve import Reserve

LISTED_SQL = "deleted_at IS NULL AND closing_at IS NULL"


class Remote(Base):
    __tablename__ = "remote"
    __table_args__ = (
        # Between two sites, each reserve may be in one remote at most.
        Index(
            "uq_remote_observed",
            "auth",
            "reserve_id",
            unique=True,
            sqlite_where=text(LISTED_SQL),
            postgresql_where=text(LISTED_SQL),
        ),
        Index(
            "uq_remote_target",
            "auth",
            "target",
            unique=True,
            sqlite_where=text(LISTED_SQL),
            postgresql_where=text(LISTED_SQL),
        ),
    )

    # What the admin entered
    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(String(500))
    """With its scheme, without a final slash. Plain `http://` only if an admin typed it."""
    auth: Mapped[str] = mapped_column(String(191))
    sealed_pass: Mapped[str] = mapped_column(String(1000))
    target: Mapped[str] = mapped_column(String(64))
    """The reserve's key over there."""
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"))
    query_template: Mapped[str] = mapped_column(String(500))
    """The path of a WooRewards sync call, with four placeholders."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closing_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """From then on it gets no new deliveries; when the waiting ones are sent, the remote is deleted."""
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Deleted remotes are hidden, not erased."""
    version: Mapped[int] = mapped_column(default=1)
    """Incremented when an admin changes it, to detect concurrent edits."""

    # What the other site reported
    dialect: Mapped[str | None] = mapped_column(String(16))
    name: Mapped[str | None] = mapped_column(String(191))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """From the last successful ping: its reserves, the sites it lists, whether it sends mails, its version."""
    clock_offset_seconds: Mapped[float] = mapped_column(default=0.0)
    """Added to our time when we sign a request, if the clocks differ a lot."""
    checked_run: Mapped[str | None] = mapped_column(String(32))
    """The run of this site in which the last check ended. After a start, nothing is sent to any remote before each
    was checked: it may know that this database is a copy or was set back."""

    # What it should have from us, and whether both sides hold the same
    delivered_count: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    """The number of its deliveries for which `Delivery.counted_condition` holds."""
    delivered_hash: Mapped[int | None] = mapped_column(UInt128, default=0)
    """The sum of their digests modulo 2¹²⁸; None counts as 0."""
    compared_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When both sides were last compared."""
    compared_count: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    """How many movements were compared then, in both directions."""
    is_equal_there: Mapped[bool | None]
    """Whether it holds exactly what was delivered to it; None if that cannot be compared."""
    is_equal_here: Mapped[bool | None]
    """Whether this site holds exactly what the remote has delivered to it; None if that cannot be compared."""
    gap: Mapped[int | None] = mapped_column(UInt128)
    """The hash of what it should hold minus that of what it holds; None if they are equal or not compared. If it
    changes, there is another difference than before."""
    differs_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when one of the two differs; None while both are equal."""
    owed_until_seq: Mapped[int | None] = mapped_column(RowNumber)
    """The last movement that it should get, if it is closing or deleted."""

    # The changes of people, which are about the whole site
    takes_changes: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether the site has said that it understands them."""
    are_changes_equal_there: Mapped[bool | None]
    """Whether it holds exactly the changes that this site has delivered; None while that was not compared."""
    are_changes_equal_here: Mapped[bool | None]
    """Whether this site holds exactly the changes that that site has delivered."""
    changes_read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the changes that it holds of this site were last read, because they differed."""
    strange_changes: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """How many of those that it held then are not here, or have another content here."""

    # The state of sending
    failures: Mapped[int] = mapped_column(default=0)
    """Failed attempts since the last successful one."""
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """No attempt and no probe before."""
    is_probing: Mapped[bool] = mapped_column(default=False)
    """After the last attempt, or an error that retrying cannot fix: one ping per delay instead of attempts."""
    batch_size: Mapped[int] = mapped_column(default=1000)
    attempt_code: Mapped[str | None] = mapped_column(String(32))
    """The result of the last attempt: `ok` or the code of the failure; None before the first."""
    attempt_message: Mapped[str | None] = mapped_column(String(500))
    attempt_is_permanent: Mapped[bool] = mapped_column(default=False)
    check_code: Mapped[str | None] = mapped_column(String(32))
    """The same for the last check (a ping)."""
    check_message: Mapped[str | None] = mapped_column(String(500))
    check_is_permanent: Mapped[bool] = mapped_column(default=False)
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_failure_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(String(500))

    # The worker that is sending
    holder: Mapped[str | None] = mapped_column(String(32))
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # What the list shows
    status: Mapped[str] = mapped_column(String(16), default="none")
    status_text: Mapped[str] = mapped_column(String(500), default="")
    status_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    reserve: Mapped[Reserve] = relationship(lazy="joined")

    @property
    def display_name(self) -> str:
        """The name that the other site reported, or its URL until then."""
        return self.name or self.url

    @hybrid_property
    def is_woorewards(self) -> bool:
        """Whether the other site speaks only the WooRewards dialect."""
        return self.dialect == "woorewards"

    @property
    def delivered(self) -> DigestSum:
        """`delivered_count` and `delivered_hash`. Change it only while the row is locked."""
        return DigestSum(self.delivered_count, self.delivered_hash or 0)

    @delivered.setter
    def delivered(self, delivered: DigestSum) -> None:
        self.delivered_count, self.delivered_hash = delivered.count, delivered.hash

    @classmethod
    def get_for_update(cls, session: Session, remote_id: int) -> "Remote | None":
        """The current row, locked until the transaction ends; None if there is none.

        `key_share` still allows new deliveries, whose foreign key refers to the remote.
        """
        return session.get(cls, remote_id, with_for_update={"of": cls, "key_share": True}, populate_existing=True)
