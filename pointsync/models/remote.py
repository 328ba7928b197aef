"""A remote: one line of the Remote sites list, observed reserve here → target reserve there."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from pointsync.db import Base, RowNumber, UtcDateTime
from pointsync.models.reserve import Reserve

LISTED_SQL = "deleted_at IS NULL AND closing_at IS NULL"


class Remote(Base):
    __tablename__ = "remote"
    __table_args__ = (
        # Between two sites a reserve, here and there, stands in one line at most.
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

    # What the admin typed
    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(String(500))
    """With its scheme, no slash at its end. `http://` is the admin's leave to send in clear."""
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
    """From then on it is owed nothing new; once what waits is sent, the line is deleted."""
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Hidden with its facts, never erased."""
    version: Mapped[int] = mapped_column(default=1)
    """Counts changes by admins, so that the second of two who edit at once is told."""

    # What the other site told
    dialect: Mapped[str | None] = mapped_column(String(16))
    name: Mapped[str | None] = mapped_column(String(191))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """Of the last good ping: its reserves, whom it lists, whether it sends mails, its version."""
    clock_offset_seconds: Mapped[float] = mapped_column(default=0.0)
    """Added to our time in what we sign for it, where its clock is far from ours."""
    acknowledged: Mapped[int] = mapped_column(BigInteger, default=0)
    """Deliveries that it has acknowledged since `counted_since`; holding fewer, it was restored."""
    counted_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When its dialect or target last changed: what went out before says nothing of what it holds there."""
    restored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When that was last seen; what was delivered before is owed again, bit by bit, from here:"""
    again_from_id: Mapped[int | None] = mapped_column(RowNumber)
    owed_until_seq: Mapped[int | None] = mapped_column(RowNumber)
    """The last movement it was owed, once it is closing or deleted."""

    # How the sending goes
    failures: Mapped[int] = mapped_column(default=0)
    """Failed attempts since the last good one."""
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Nothing is sent, nor probed, before."""
    is_probing: Mapped[bool] = mapped_column(default=False)
    """Attempts are used up, or waiting cannot mend: a ping per delay instead of attempts."""
    batch_size: Mapped[int] = mapped_column(default=1000)
    attempt_code: Mapped[str | None] = mapped_column(String(32))
    """How the last attempt ended: None when none was made, `ok`, or the failure."""
    attempt_message: Mapped[str | None] = mapped_column(String(500))
    attempt_is_permanent: Mapped[bool] = mapped_column(default=False)
    check_code: Mapped[str | None] = mapped_column(String(32))
    """The same for the last check, a ping."""
    check_message: Mapped[str | None] = mapped_column(String(500))
    check_is_permanent: Mapped[bool] = mapped_column(default=False)
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_failure_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(String(500))

    # Who sends just now
    holder: Mapped[str | None] = mapped_column(String(32))
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # What the list shows
    status: Mapped[str] = mapped_column(String(16), default="none")
    status_text: Mapped[str] = mapped_column(String(500), default="")
    status_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    reserve: Mapped[Reserve] = relationship(lazy="joined")

    @classmethod
    def get_for_update(cls, session: Session, remote_id: int) -> "Remote | None":
        """The row as it is now, no other's to change until the transaction ends.

        `key_share` leaves the shop free to write deliveries that refer to it meanwhile.
        """
        return session.get(cls, remote_id, with_for_update={"of": cls, "key_share": True}, populate_existing=True)
