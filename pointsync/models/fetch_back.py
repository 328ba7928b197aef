"""Fetching lost movements back from the remotes, and what they returned, until it is recorded or decided."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, Select, String, false, select, text
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UInt128, UtcDateTime
from pointsync.models.remote import Remote


class FetchState(StrEnum):
    """How far the fetch from one remote is."""

    WAITING = "waiting"
    """Not everything is here yet."""
    SKIPPED = "skipped"
    """An admin continued without the remote. It is fetched before anything is sent to it."""
    COMPLETE = "complete"


class RemoteFetch(Base):
    """The fetch from one remote: the one that is running, or the last one."""

    __tablename__ = "remote_fetch"

    remote_id: Mapped[int] = mapped_column(ForeignKey("remote.id"), primary_key=True)
    state: Mapped[FetchState] = mapped_column(String(16), default=FetchState.WAITING)
    after_id: Mapped[int] = mapped_column(BigInteger, default=0)
    """The remote's movements up to this id were read."""
    change_after_id: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    """This site's changes of people that the remote holds were read up to this id."""
    are_changes_fetched: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether all of them were read, which comes before the movements."""
    received: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int] = mapped_column(BigInteger, default=0)
    """How many movements the remote says that it holds."""
    returned: Mapped[int] = mapped_column(BigInteger, default=0)
    """How many of the received ones were not here."""
    unreadable: Mapped[int] = mapped_column(BigInteger, default=0)
    """How many of them no site can have sent."""
    is_unable: Mapped[bool] = mapped_column(default=False)
    """Its PointSync is of a version that cannot return movements."""
    message: Mapped[str | None] = mapped_column(String(500))
    """Why the last call failed; None if it did not."""
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """No call before."""
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @classmethod
    def select_unfetched(cls) -> Select[int]:
        """A subquery of the remotes that nothing may be sent to before they are fetched."""
        return (
            select(cls.remote_id)
            .join(Remote, Remote.id == cls.remote_id)
            .where(cls.state == FetchState.SKIPPED, Remote.deleted_at.is_(None))
        )


class ReturnedMovement(Base):
    """A movement of this site that a remote returned and that is not here, or not with this content."""

    __tablename__ = "returned_movement"
    __table_args__ = (Index("uq_returned_movement", "movement_id", "remote_id", unique=True),)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    remote_id: Mapped[int] = mapped_column(ForeignKey("remote.id"))
    movement_id: Mapped[int] = mapped_column(BigInteger)
    reserve_id: Mapped[int] = mapped_column(ForeignKey("reserve.id"))
    customer: Mapped[str] = mapped_column(String(320))
    """The e-mail address as it was sent."""
    points: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(String(500))
    at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """None if the remote does not know it as it was sent."""
    ref: Mapped[str | None] = mapped_column(String(191))
    source: Mapped[str | None] = mapped_column(String(191))
    digest: Mapped[int] = mapped_column(UInt128)
    """Of these columns."""
    is_altered: Mapped[bool] = mapped_column(default=False)
    """They contradict the digest that the remote has stored: somebody edited the movement there."""
    problem: Mapped[str | None] = mapped_column(String(32))
    """Why an admin must decide, a value of `ReturnProblem`; None while it waits to be recorded."""


class ReturnProblem(StrEnum):
    """Why a returned movement is not recorded by itself."""

    OTHER_CONTENT = "other_content"
    """The shop repeated its ref here with other content."""
    SITES_DIFFER = "sites_differ"
    """The remotes returned it with different content."""
    ID_IN_USE = "id_in_use"
    """Its id belongs to another movement here, which other sites have."""
    ALTERED_THERE = "altered_there"
    """It contradicts its digest at every remote that returned it."""
    OUT_OF_BOUNDS = "out_of_bounds"
    """The balance would leave its bounds."""
