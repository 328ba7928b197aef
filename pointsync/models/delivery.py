"""A delivery: one movement to send to one remote."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, ForeignKey, Index, String, UniqueConstraint, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime


class DeliveryState(StrEnum):
    """The state of a delivery."""

    PENDING = "pending"
    UNKNOWN = "unknown"
    """The customer is unknown there (WooRewards `e404`); sent again with growing delays."""
    FAILED = "failed"
    """Refused there, or in conflict with a movement there; waits for an admin's decision."""
    DELIVERED = "delivered"
    SET_ASIDE = "aside"
    """An admin decided, with a reason, not to send it."""


OPEN_STATES = (DeliveryState.PENDING, DeliveryState.UNKNOWN, DeliveryState.FAILED)


class Delivery(Base):
    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("movement_seq", "remote_id"),
        # Partial indexes, because nearly all rows are delivered. They sort each state by id, so that the newest
        # deliveries are found quickly even if many are waiting.
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
    """When it was first sent in a WooRewards call: from then on the shop may have recorded it. None again once a
    PointSync site has acknowledged it."""
    unsure_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """No call before this time: a WooRewards site may still be processing a call that got no answer, and it would
    record a second one as well."""
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """This delivery waits until then; the delay of a whole remote is stored with the remote."""
    code: Mapped[str | None] = mapped_column(String(32))
    message: Mapped[str | None] = mapped_column(String(500))
    """The answer of the other site, or why an admin set it aside."""
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_history: Mapped[bool] = mapped_column(default=False)
    """Part of a backfill; the other site sends no mail about it."""

    @classmethod
    def state_condition(cls, state: DeliveryState) -> ColumnElement[bool]:
        """For queries: the delivery is in `state`. As a literal, so that the partial index is used."""
        return cls.state == literal_column(f"'{state.value}'", String)

    @classmethod
    def counted_condition(cls) -> ColumnElement[bool]:
        """For queries: the remote should hold the movement, and is compared with this site.

        It does not hold for what only a WooRewards call delivered: the shop's plugin counted that, and the site that
        replaces the plugin may have those points as opening balances.
        """
        return cls.state_condition(DeliveryState.DELIVERED) & cls.called_at.is_(None)


class LostDelivery(Base):
    """A delivery that was deleted, noted by a trigger of the database with its columns from before.

    A delivery is deleted only with its movement. If that is still there, somebody edited the database.
    """

    __tablename__ = "lost_delivery"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    movement_seq: Mapped[int] = mapped_column(RowNumber)
    remote_id: Mapped[int]
    state: Mapped[DeliveryState] = mapped_column(String(16))
    called_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    unsure_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_history: Mapped[bool]
