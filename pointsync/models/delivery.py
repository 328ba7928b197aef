"""A delivery: one movement owed to one remote."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, ForeignKey, Index, String, UniqueConstraint, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime


class DeliveryState(StrEnum):
    """Where a delivery stands; the README draws the ways between."""

    PENDING = "pending"
    UNKNOWN = "unknown"
    """The customer is unknown there (WooRewards `e404`); asked again with growing distance."""
    FAILED = "failed"
    """Refused there, or in conflict with what is there; waits for an admin."""
    DELIVERED = "delivered"
    SET_ASIDE = "aside"
    """An admin has chosen, with a reason, that it is not sent."""


OPEN_STATES = (DeliveryState.PENDING, DeliveryState.UNKNOWN, DeliveryState.FAILED)


class Delivery(Base):
    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("movement_seq", "remote_id"),
        # Partial, so that what has been delivered, nearly all of the table, costs nothing where the rest is
        # looked for; and each state in the order of ids, so that the newest are found however many wait.
        *(
            Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))
            for name, columns, where in (
                ("ix_delivery_pending", ("remote_id", "id"), "state = 'pending'"),
                ("ix_delivery_tried", ("remote_id", "attempts"), "state = 'pending' AND attempts > 0"),
                ("ix_delivery_unknown", ("remote_id", "not_before"), "state = 'unknown'"),
                ("ix_delivery_unknown_id", ("remote_id", "id"), "state = 'unknown'"),
                ("ix_delivery_failed", ("remote_id", "id"), "state = 'failed'"),
                ("ix_delivery_delivered", ("remote_id", "id"), "state = 'delivered'"),
                ("ix_delivery_aside", ("remote_id", "id"), "state = 'aside'"),
            )
        ),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    movement_seq: Mapped[int] = mapped_column(ForeignKey("movement.seq"))
    remote_id: Mapped[int] = mapped_column(ForeignKey("remote.id"))
    state: Mapped[DeliveryState] = mapped_column(String(16), default=DeliveryState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    called_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a call for it alone was first made: only then can a WooRewards site know it already."""
    unsure_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """A WooRewards site may still be at work on a call whose answer was not had: no call before this
    moment, whoever asks, since it checks and then inserts."""
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """It alone waits until this moment; the remote's own waiting stands with the remote."""
    code: Mapped[str | None] = mapped_column(String(32))
    message: Mapped[str | None] = mapped_column(String(500))
    """What the other side said of it, or why an admin set it aside."""
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_history: Mapped[bool] = mapped_column(default=False)
    """Sent to a newcomer after the fact; nobody is mailed about it there."""

    @classmethod
    def state_condition(cls, state: DeliveryState) -> ColumnElement[bool]:
        """That a delivery is in `state`, spelled out: a bound parameter would not find the partial index."""
        return cls.state == literal_column(f"'{state.value}'", String)
