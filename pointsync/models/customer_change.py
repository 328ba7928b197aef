"""A change of people: a rename, an alias, a merge, the undoing of a merge, or an erasure."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Index, String, UniqueConstraint, false, or_, text
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UInt128, UtcDateTime
from pointsync.models.customer import EMAIL_TYPE


class Approval(StrEnum):
    """What an admin has decided about a change of another site that needs approval."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    """It is not applied here, whatever other sites do with it."""


class CustomerChange(Base):
    """It is never deleted, and its content never changes, except that an erasure replaces addresses by tokens. Who has
    which addresses is a function of all changes that need no approval or are approved: see `ledger.people.replay`."""

    __tablename__ = "customer_change"
    __table_args__ = (
        UniqueConstraint("origin", "id"),
        Index("ix_customer_change_customer", "customer"),
        Index(
            "ix_customer_change_into_address",
            "into_address",
            sqlite_where=text("into_address IS NOT NULL"),
            postgresql_where=text("into_address IS NOT NULL"),
        ),
        *(
            Index(f"ix_customer_change_{name}", "seq", sqlite_where=text(where), postgresql_where=text(where))
            for name, where in (("waiting", "approval IN ('waiting', 'refused')"), ("disputed", "is_disputed"))
        ),
    )

    seq: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    """The order in which this site recorded it."""
    origin: Mapped[str] = mapped_column(String(191))
    """The Auth of the site on which it was made."""
    id: Mapped[str] = mapped_column(String(64))
    """Its id there. Changes and movements of one origin share one sequence of ids."""
    change: Mapped[str] = mapped_column(String(16))
    """`rename`, `alias`, `merge`, `unmerge` or `erase`."""
    customer: Mapped[str] = mapped_column(EMAIL_TYPE)
    """An address of the customer."""
    into_address: Mapped[str | None] = mapped_column(EMAIL_TYPE)
    """The new address of a rename, one more address, or an address of the customer who stays after a merge."""
    undoes_origin: Mapped[str | None] = mapped_column(String(191))
    """With `undoes_id`: the change that an `unmerge` undoes."""
    undoes_id: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    digest: Mapped[int] = mapped_column(UInt128)
    """Of what was sent, see `ledger.people.change.digest`. It is never computed again: an erasure removes addresses."""
    approval: Mapped[Approval | None] = mapped_column(String(16))
    """None if it needs no approval, such as this site's own changes."""
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When an admin approved or refused it."""
    is_disputed: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether it has no effect, because the address belongs to another customer. Updated with each related change."""
    dismissed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When an admin dismissed it, because nothing needs to be done about the dispute."""

    @classmethod
    def counts(cls) -> ColumnElement[bool]:
        """For queries: it is replayed."""
        return or_(cls.approval.is_(None), cls.approval == Approval.APPROVED)
