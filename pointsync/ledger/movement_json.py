"""A movement as JSON, for the API and for commands.

The API's description is built from these classes: their names, fields and descriptions are part of the API.
"""

from typing import Annotated, Any, Literal, Self

from msgspec import Meta, Struct

from pointsync import clock, models
from pointsync.ledger.movement_row import MovementRow

DateTimeString = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Email = Annotated[str, Meta(extra_json_schema={"format": "email"}, examples=["alice@example.com"])]


class Movement(Struct, kw_only=True):
    """A recorded movement."""

    id: Annotated[str | None, Meta(description="Its id at its origin, a decimal number.")]
    ref: Annotated[str | None, Meta(description="The id that the shop gave it.")]
    origin: Annotated[str, Meta(description="The Auth of the site that recorded it first.")]
    customer: Email
    reserve: Annotated[str, Meta(description="The key of the points reserve.")]
    kind: Annotated[str, Meta(examples=["earn"])]
    points: Annotated[int, Meta(description="The change of the balance.")]
    balance: Annotated[int, Meta(description="The balance after this movement.")]
    reason: str
    at: Annotated[DateTimeString, Meta(description="When it happened.")]
    recorded_at: Annotated[DateTimeString, Meta(description="When this site recorded it.")]

    @classmethod
    def from_row(cls, row: models.Movement | MovementRow, email: str, reserve_key: str, **more: Any) -> Self:
        """The document of a row; `more` has the fields of a subclass."""
        return cls(
            id=row.id,
            ref=row.ref,
            origin=row.origin,
            customer=email,
            reserve=reserve_key,
            kind=row.kind,
            points=row.points,
            balance=row.balance,
            reason=row.reason,
            at=clock.to_text(row.at),
            recorded_at=clock.to_text(row.recorded_at),
            **more,
        )


class RecordedMovement(Movement, kw_only=True):
    """A movement, and the result of recording it."""

    status: Annotated[
        Literal["recorded", "duplicate", "unchanged"],
        Meta(
            description="recorded: it is new. duplicate: it was recorded before with this ref, and nothing changed. "
            "unchanged: the balance already had the value to set; the id is null."
        ),
    ]


class MovementPage(Struct):
    """A page of movements, newest first."""

    movements: list[Movement]
    next: Annotated[str | None, Meta(description="The cursor of the next page; null on the last page.")]
