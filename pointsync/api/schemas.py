"""What the shop API reads, and answers that only it has. The others are in the ledger's `…_json.py` files.

The class names and the descriptions are published in `/api/v1/openapi.json`.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from pointsync.ledger.movement_json import DateTimeString, Email, RecordedMovement
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.text_limits import MAX_POINTS, MAX_REASON_LENGTH, MAX_REF_LENGTH

MovementKind = Literal["earn", "spend", "refund", "manual", "redeem"]
Points = Annotated[int, Meta(extra_json_schema={"minimum": -MAX_POINTS, "maximum": MAX_POINTS})]


def _text_meta(max_length: int, description: str) -> Any:
    return Meta(description=description, extra_json_schema={"maxLength": max_length})


class NewMovement(Struct, kw_only=True, forbid_unknown_fields=True):
    """A movement to record: a customer, and either points or set. A field that is null counts as left out."""

    customer: Annotated[
        Email,
        Meta(description="The customer's e-mail address, in upper or lower case. An unknown customer is created."),
    ]
    points: Annotated[
        Points | None,
        Meta(description="Whole points to add, or to subtract if below 0; not 0. Either this or set.", examples=[25]),
    ] = None
    set_to: Annotated[
        Points | None, Meta(description="The balance that the customer should have afterwards. Either this or points.")
    ] = field(default=None, name="set")
    reserve: Annotated[str | None, _text_meta(64, "The key of the points reserve.")] = DEFAULT_RESERVE
    kind: Annotated[
        MovementKind | None,
        Meta(description="Default: earn or spend by the sign of points, manual for set."),
    ] = None
    reason: Annotated[str | None, _text_meta(MAX_REASON_LENGTH, "A text for the customer.")] = ""
    ref: Annotated[
        str | None,
        _text_meta(
            MAX_REF_LENGTH,
            "The shop's own id of this movement. A ref is recorded once for each API key, however often it is sent.",
        ),
    ] = None
    at: Annotated[
        DateTimeString | None,
        Meta(
            description="When it happened, with a time zone. Default: now.",
            examples=["2026-01-31T12:00:00Z"],
        ),
    ] = None


class NewMovements(Struct, kw_only=True, forbid_unknown_fields=True):
    """Several movements to record, all or none."""

    movements: Annotated[
        list[NewMovement],
        Meta(description="In the order in which they happened.", min_length=1, max_length=1000),
    ]


class RecordedOne(Struct):
    """The answer to one movement."""

    movement: RecordedMovement


class RecordedMany(Struct):
    """The answer to several movements, in the same order."""

    movements: list[RecordedMovement]


class NewRedemption(Struct, kw_only=True, forbid_unknown_fields=True):
    """A redemption to record: a customer, and the shop's own id."""

    customer: Annotated[Email, Meta(description="The customer's e-mail address, in upper or lower case.")]
    ref: Annotated[
        str,
        _text_meta(
            MAX_REF_LENGTH,
            "The shop's own id of this redemption. A ref is redeemed once for each API key, however often it is sent.",
        ),
    ]


class ErrorDetail(Struct, omit_defaults=True):
    """What is wrong, and what to do."""

    code: Annotated[str, Meta(description="For programs. It stays the same between versions.")]
    message: Annotated[str, Meta(description="For people.")]
    fields: Annotated[
        dict[str, str] | None,
        Meta(description="A message for each invalid field, such as points or movements[3].customer."),
    ] = None


class Error(Struct):
    """The answer to a call that failed."""

    error: ErrorDetail
