"""What the shop API reads, and answers that only it has. The others are in the ledger's `…_json.py` files.

The class names and the descriptions are published in `/api/v1/openapi.json`.
"""

from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct, field

from pointsync.ledger.customer_json import CustomerBalance
from pointsync.ledger.holds.hold_json import Hold
from pointsync.ledger.movement_json import DateTimeString, Email, Movement, RecordedMovement
from pointsync.ledger.people.erasure.erasure_json import ErasureDocument
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.reports.changes import ChangeOfCustomers
from pointsync.text_limits import MAX_POINTS, MAX_REASON_LENGTH, MAX_REF_LENGTH

MovementKind = Literal["earn", "spend", "refund", "manual", "redeem", "opening"]
MOVEMENT_KINDS = get_args(MovementKind)
_NUMBER_TYPES = {"type": ["integer", "string"], "pattern": r"^[+-]?[0-9]+([.]0*)?$"}
"""A text that says a whole number is accepted, too; `whole_number.read_text` decides."""
Points = Annotated[int, Meta(extra_json_schema=_NUMBER_TYPES | {"minimum": -MAX_POINTS, "maximum": MAX_POINTS})]
HeldPoints = Annotated[int, Meta(extra_json_schema=_NUMBER_TYPES | {"minimum": 1, "maximum": MAX_POINTS})]
MAX_CUSTOMERS = 1000


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
        Meta(
            description="Default: earn or spend by the sign of points, manual for set. opening: points that the "
            "customer had before; they stay on this site."
        ),
    ] = None
    reason: Annotated[str | None, _text_meta(MAX_REASON_LENGTH, "A text for the customer.")] = ""
    ref: Annotated[
        str | None,
        _text_meta(
            MAX_REF_LENGTH,
            "The shop's own id of this movement. A ref is recorded once for each shop, however often it is sent.",
        ),
    ] = None
    at: Annotated[
        DateTimeString | None,
        Meta(
            description="When it happened, with a time zone. Default: now.",
            examples=["2026-01-31T12:00:00Z"],
        ),
    ] = None
    done: Annotated[
        bool | None,
        Meta(
            description="It has happened already, for example in a till without a connection. Then a spend or redeem "
            "is recorded even if there are too few free points. A balance below zero is listed for admins."
        ),
    ] = False


class NewMovements(Struct, kw_only=True, forbid_unknown_fields=True):
    """Several movements to record."""

    movements: Annotated[
        list[NewMovement],
        Meta(description="In the order in which they happened.", min_length=1, max_length=1000),
    ]
    on_error: Annotated[
        Literal["stop", "continue"] | None,
        Meta(
            description="stop: all movements or none are recorded. continue: those that are refused have an error in "
            "the answer, and do not stop the others."
        ),
    ] = "stop"


ITEM_SCHEMAS = ("RecordedMovement", "RefusedMovement")
"""The types of the items of `RecordedMany`: msgspec has no unions of them, because their status tells them apart."""


class RecordedOne(Struct):
    """The answer to one movement."""

    movement: RecordedMovement


class RecordedMany(Struct):
    """The answer to several movements, in the same order."""

    movements: Annotated[
        list[Any],
        Meta(
            description="A RefusedMovement only with on_error: continue.",
            extra_json_schema={
                "items": {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ITEM_SCHEMAS]},
            },
        ),
    ]


class NewRedemption(Struct, kw_only=True, forbid_unknown_fields=True):
    """A redemption to record: a customer, and the shop's own id."""

    customer: Annotated[Email, Meta(description="The customer's e-mail address, in upper or lower case.")]
    ref: Annotated[
        str,
        _text_meta(
            MAX_REF_LENGTH,
            "The shop's own id of this redemption. A ref is redeemed once for each shop, however often it is sent.",
        ),
    ]


class NewHold(Struct, kw_only=True, forbid_unknown_fields=True):
    """Points to hold."""

    customer: Annotated[Email, Meta(description="The customer's e-mail address, in upper or lower case.")]
    points: Annotated[HeldPoints, Meta(description="How many points to hold.")]
    reserve: Annotated[str | None, _text_meta(64, "The key of the points reserve.")] = DEFAULT_RESERVE
    ref: Annotated[str, _text_meta(MAX_REF_LENGTH, "The shop's own id of this hold, such as that of the cart.")]
    until: Annotated[
        DateTimeString,
        Meta(
            description="When it ends by itself, with a time zone: at most 31 days from now.",
            examples=["2026-01-31T12:00:00Z"],
        ),
    ]


class OneHold(Struct):
    """A hold."""

    hold: Hold


class NewCapture(Struct, kw_only=True, forbid_unknown_fields=True):
    """How to take the points of a hold. A field that is null counts as left out."""

    movement_ref: Annotated[str, _text_meta(MAX_REF_LENGTH, "The shop's own id of the movement that takes the points.")]
    points: Annotated[
        HeldPoints | None, Meta(description="How many points to take. Default: all. The rest is free again.")
    ] = None
    kind: Annotated[Literal["spend", "redeem"] | None, Meta(description="The kind of the movement.")] = "spend"
    reason: Annotated[str | None, _text_meta(MAX_REASON_LENGTH, "A text for the customer.")] = ""
    done: Annotated[
        bool | None,
        Meta(
            description="The points have paid for something already. Then they are taken even if the hold has ended "
            "and too few points are free."
        ),
    ] = False


class CapturedHold(Struct):
    """A captured hold, and the movement that took its points."""

    hold: Hold
    movement: RecordedMovement


class FeedMovement(Movement, kw_only=True):
    """A movement in the feed."""

    cursor: Annotated[str, Meta(description="The position after this movement, to be used as after.")]


class Feed(Struct):
    """Movements in the order in which this site recorded them."""

    movements: list[FeedMovement]
    next: Annotated[str, Meta(description="What to pass as after in the next call.")]


class WantedCustomers(Struct, kw_only=True, forbid_unknown_fields=True):
    """The customers whose balances are wanted."""

    customers: Annotated[
        list[Email], Meta(description="Their e-mail addresses.", min_length=1, max_length=MAX_CUSTOMERS)
    ]


class AskedAddresses(Struct, kw_only=True, forbid_unknown_fields=True):
    """The addresses about which a shop asks."""

    customers: Annotated[
        list[str],
        Meta(description="Addresses that the shop stores, valid or not.", min_length=1, max_length=MAX_CUSTOMERS),
    ]


class NewAddress(Struct, kw_only=True, forbid_unknown_fields=True):
    """Another address for a customer."""

    to: Annotated[Email, Meta(description="The new e-mail address.")]


class CustomersToMerge(Struct, kw_only=True, forbid_unknown_fields=True):
    """Two customers who are the same person."""

    from_: Annotated[Email, Meta(description="An address of the one who is merged into the other.")] = field(
        name="from"
    )
    into: Annotated[Email, Meta(description="An address of the one who stays.")]


class FoundCustomer(Struct):
    """A customer with all balances."""

    customer: Email
    known: Annotated[bool, Meta(description="Whether this site knows the customer.")]
    balances: list[CustomerBalance]


class PointsLoss(Struct):
    """Points that expire on one day."""

    day: Annotated[str, Meta(description="At the beginning of this day.", extra_json_schema={"format": "date"})]
    points: int


class ExpiringPoints(Struct):
    """What a customer loses in the next year."""

    customer: Email
    reserve: Annotated[str, Meta(description="The key of the points reserve.")]
    expiring: list[PointsLoss]


class BalancesOfCustomers(Struct):
    """Customers with their balances, in the order in which they were sent."""

    customers: list[FoundCustomer]


class ChangesOfCustomer(Struct):
    """Changes of a customer's addresses, newest first."""

    changes: list[ChangeOfCustomers]


class SiteHook(Struct):
    """What counts a shop's orders, or records its movements."""

    name: str
    reserve: Annotated[str, Meta(description="The key of its points reserve.")]
    rule: Annotated[str, Meta(description="orders, or movements of the shop's plugin.")]
    shop: Annotated[str | None, Meta(description="The address of its shop; null before its first useful delivery.")]
    key_shop: Annotated[
        str | None, Meta(description="The shop whose API keys report the orders; null if webhooks deliver them.")
    ]


class SiteInformation(Struct):
    """This site."""

    auth: Annotated[str, Meta(description="Its permanent name, which is the origin of its movements.")]
    name: str
    url: Annotated[str | None, Meta(description="The URL that other sites call.")]
    version: Annotated[str, Meta(description="The version of PointSync.")]
    lineage: Annotated[str, Meta(description="It changes when this site may have lost what it had recorded.")]
    hooks: list[SiteHook]


class ErrorDetail(Struct, omit_defaults=True):
    """What is wrong, and what to do."""

    code: Annotated[str, Meta(description="For programs. It stays the same between versions.")]
    message: Annotated[str, Meta(description="For people.")]
    fields: Annotated[
        dict[str, str] | None,
        Meta(description="A message for each invalid field, such as points or movements[3].customer."),
    ] = None


class RefusedMovement(Struct, kw_only=True):
    """A movement that was not recorded, in a call with on_error: continue."""

    status: Literal["refused"]
    ref: Annotated[str | None, Meta(description="The ref that was sent, if it could be read.")]
    error: ErrorDetail


class Error(Struct):
    """The answer to a call that failed."""

    error: ErrorDetail


class ErasureAnswer(Struct):
    """An erasure: a request, or its receipt."""

    erasure: ErasureDocument


class ErasureList(Struct):
    """Erasures."""

    erasures: list[ErasureDocument]


class ErasedCustomer(Struct):
    """An address whose person was erased."""

    customer: Annotated[Email, Meta(description="The address as it was sent.")]
    until: Annotated[DateTimeString, Meta(description="What is dated before belongs to the erased person.")]


class ErasedCustomers(Struct):
    """Addresses whose persons were erased."""

    erased: list[ErasedCustomer]
