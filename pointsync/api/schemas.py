"""What goes in and out of the shop API, said once: these check bodies, describe the API and fill its pages."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.text_limits import MAX_POINTS, MAX_REASON_LENGTH, MAX_REF_LENGTH

MovementKind = Literal["earn", "spend", "refund", "manual", "redeem"]
DateTimeString = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Email = Annotated[str, Meta(extra_json_schema={"format": "email"}, examples=["alice@example.com"])]
Points = Annotated[int, Meta(extra_json_schema={"minimum": -MAX_POINTS, "maximum": MAX_POINTS})]


def _text_meta(max_length: int, description: str) -> Any:
    return Meta(description=description, extra_json_schema={"maxLength": max_length})


class NewMovement(Struct, kw_only=True, forbid_unknown_fields=True):
    """A movement to record: the customer, and either points or set. What is null counts as left out."""

    customer: Annotated[
        Email, Meta(description="The customer's e-mail address; without regard to case. Made if unknown.")
    ]
    points: Annotated[
        Points | None,
        Meta(description="Whole points to add, or below 0 to take; not 0. Either this or set.", examples=[25]),
    ] = None
    set_to: Annotated[
        Points | None, Meta(description="The balance that the customer shall have. Either this or points.")
    ] = field(default=None, name="set")
    reserve: Annotated[str | None, _text_meta(64, "The key of the points reserve.")] = DEFAULT_RESERVE
    kind: Annotated[
        MovementKind | None,
        Meta(description="Left out: earn or spend by the sign of points, manual for set."),
    ] = None
    reason: Annotated[str | None, _text_meta(MAX_REASON_LENGTH, "Why, in words for the customer.")] = ""
    ref: Annotated[
        str | None,
        _text_meta(
            MAX_REF_LENGTH, "The shop's own id: the same again records nothing twice. One per movement and API key."
        ),
    ] = None
    at: Annotated[
        DateTimeString | None,
        Meta(
            description="When it happened, with a time zone; left out: now.",
            examples=["2026-01-31T12:00:00Z"],
        ),
    ] = None


class NewMovements(Struct, kw_only=True, forbid_unknown_fields=True):
    """Many movements, recorded all or none."""

    movements: Annotated[
        list[NewMovement],
        Meta(description="In the order in which they happened.", min_length=1, max_length=1000),
    ]


class Movement(Struct, kw_only=True):
    """A movement as it is recorded."""

    id: Annotated[str | None, Meta(description="Its id at its origin, in decimals.")]
    ref: Annotated[str | None, Meta(description="The id that the shop gave it.")]
    origin: Annotated[str, Meta(description="The Auth of the site where it was made.")]
    customer: Email
    reserve: Annotated[str, Meta(description="The key of the points reserve.")]
    kind: Annotated[str, Meta(examples=["earn"])]
    points: Annotated[int, Meta(description="What it changed the balance by.")]
    balance: Annotated[int, Meta(description="The balance right after it.")]
    reason: str
    at: Annotated[DateTimeString, Meta(description="When it happened.")]
    recorded_at: Annotated[DateTimeString, Meta(description="When this site recorded it.")]


class RecordedMovement(Movement, kw_only=True):
    """A movement, with what came of recording it."""

    status: Annotated[
        Literal["recorded", "duplicate", "unchanged"],
        Meta(
            description="recorded; duplicate: this ref was recorded before, and nothing changed; unchanged: a set "
            "to the balance that was there, with no id."
        ),
    ]


class RecordedOne(Struct):
    """The answer to one movement."""

    movement: RecordedMovement


class RecordedMany(Struct):
    """The answer to many, in their order."""

    movements: list[RecordedMovement]


class CustomerBalance(Struct):
    """The points in one reserve."""

    reserve: str
    points: int


class Customer(Struct):
    """A customer with all balances."""

    customer: Email
    balances: list[CustomerBalance]


class MovementPage(Struct):
    """A page of movements, newest first."""

    movements: list[Movement]
    next: Annotated[str | None, Meta(description="The cursor of the next page; null on the last one.")]


class Reserve(Struct):
    """A points reserve."""

    key: str
    name: str
    active: Annotated[bool, Meta(description="Whether movements can be recorded in it.")]
    may_go_below_zero: Annotated[bool, Meta(description="Whether a spend or redeem may take more than there is.")]


class Reward(Struct):
    """What points of a reserve are redeemed for."""

    id: int
    title: str
    description: str
    cost: Annotated[int, Meta(description="The points that it takes.", examples=[500])]
    active: Annotated[bool, Meta(description="Whether it can be redeemed.")]


class NewRedemption(Struct, kw_only=True, forbid_unknown_fields=True):
    """A redemption to record: for whom, and the shop's own id of it."""

    customer: Annotated[Email, Meta(description="The customer's e-mail address; without regard to case.")]
    ref: Annotated[
        str,
        _text_meta(
            MAX_REF_LENGTH, "The shop's own id: the same again redeems nothing twice. One per request and API key."
        ),
    ]


class Remote(Struct):
    """A remote site, and whether it is in step."""

    id: int
    name: str | None
    url: str
    target: Annotated[str, Meta(description="The reserve's key over there.")]
    observed: Annotated[str, Meta(description="The reserve's key here.")]
    dialect: Literal["pointsync", "woorewards"] | None
    status: Literal["none", "green", "warning", "error"]
    status_text: str
    waiting: Annotated[int, Meta(description="All that is not delivered.")]
    paused: bool
    last_success_at: DateTimeString | None
    last_error: str | None
    unknown_customers: Annotated[int, Meta(description="The part of it for customers unknown there.")]


class ErrorDetail(Struct, omit_defaults=True):
    """What is wrong, and how to mend it."""

    code: Annotated[str, Meta(description="For programs; it stays the same.")]
    message: Annotated[str, Meta(description="For people.")]
    fields: Annotated[dict[str, str] | None, Meta(description="By field, such as points or movements[3].customer.")] = (
        None
    )


class Error(Struct):
    """Every answer that is no success."""

    error: ErrorDetail
