"""A delivery of a change of people: one change of this site to send to one other site."""

from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, RowNumber, UtcDateTime
from pointsync.models.delivery import DeliveryState


class ChangeDelivery(Base):
    """Changes are about the whole site, so each site gets them once, over any remote that leads to it. Deliveries stay
    when its remotes are deleted: a remote that is added later continues with them."""

    __tablename__ = "change_delivery"
    __table_args__ = (
        UniqueConstraint("change_seq", "auth"),
        Index("ix_change_delivery_auth", "auth", "state"),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    change_seq: Mapped[int] = mapped_column(ForeignKey("customer_change.seq"))
    auth: Mapped[str] = mapped_column(String(191))
    """The site that gets it."""
    state: Mapped[DeliveryState] = mapped_column(String(16), default=DeliveryState.PENDING)
    """Never `unknown` or `aside`: every change is sent."""
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """This delivery waits until then; the delay of a whole remote is stored with the remote."""
    code: Mapped[str | None] = mapped_column(String(32))
    message: Mapped[str | None] = mapped_column(String(500))
    """The last answer of the other site that was no acknowledgement."""
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @classmethod
    def open_condition(cls) -> ColumnElement[bool]:
        """For queries: the site has not acknowledged it. As a list of states, which an index can find."""
        return cls.state.in_((DeliveryState.PENDING, DeliveryState.FAILED))
