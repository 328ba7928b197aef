"""A hold as JSON, for the API and for commands. The API's description is built from these classes."""

from datetime import datetime
from typing import Annotated, Literal, Self

from msgspec import Meta, Struct

from pointsync import clock, models
from pointsync.ledger.holds.held_points import is_active
from pointsync.ledger.movement_json import DateTimeString, Email
from pointsync.models.hold import HELD

HoldState = Literal["held", "ended", "captured", "released"]


class Hold(Struct, kw_only=True):
    """Points that a shop holds for a checkout."""

    ref: Annotated[str, Meta(description="The id that the shop gave it.")]
    customer: Email
    reserve: Annotated[str, Meta(description="The key of the points reserve.")]
    points: Annotated[int, Meta(description="The points that it holds, or has held.")]
    state: Annotated[
        HoldState,
        Meta(
            description="held: nobody else here can spend the points. ended: its time is over, and it holds nothing "
            "any more. captured: its points were taken. released: its points are free again."
        ),
    ]
    until: Annotated[DateTimeString, Meta(description="When it ends by itself.")]
    created_at: DateTimeString
    captured_points: Annotated[int | None, Meta(description="The points that were taken; null if it is not captured.")]
    movement_id: Annotated[str | None, Meta(description="The id of the movement that took them.")]

    @classmethod
    def from_row(cls, row: models.Hold, now: datetime) -> Self:
        """The document of a hold whose customer, reserve and movement are loaded."""
        state: HoldState = "ended" if row.state == HELD and not is_active(row, now) else row.state  # type: ignore[assignment]
        return cls(
            ref=row.ref,
            customer=row.customer.email,
            reserve=row.reserve.key,
            points=row.points,
            state=state,
            until=clock.to_text(row.until_at),
            created_at=clock.to_text(row.created_at),
            captured_points=-row.movement.points if row.movement else None,
            movement_id=row.movement.id if row.movement else None,
        )
