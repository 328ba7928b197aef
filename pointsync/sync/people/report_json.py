"""The stored data about a person, as JSON: for the API, for files, and for other sites.

The API's description is built from these classes.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from pointsync.ledger.movement_json import DateTimeString, Email, Movement

Time = DateTimeString | None


class ReportedAddress(Struct, kw_only=True):
    """An address of the person."""

    address: Email
    first_seen_at: DateTimeString
    is_shown: Annotated[bool, Meta(description="Whether the customer is shown with it.")]


class ReportedChange(Struct, kw_only=True):
    """A change of customers about these addresses."""

    at: DateTimeString
    change: Annotated[str, Meta(examples=["rename"])]
    customer: str
    into: str | None
    origin: Annotated[str, Meta(description="The Auth of the site on which it was made.")]


class ReportedBalance(Struct, kw_only=True):
    """The points in a reserve."""

    reserve: str
    points: int
    held: Annotated[int, Meta(description="How many of them are held for checkouts.")]


class ReportedLevel(Struct, kw_only=True):
    """A level that was reached."""

    at: DateTimeString
    level: str
    reserve: str


class ReportedRedemption(Struct, kw_only=True):
    """A reward that was redeemed here."""

    at: DateTimeString
    address: Email
    reward: str
    reserve: str
    points: int
    movement: Annotated[str, Meta(description="The id of its movement.")]


class ReportedHold(Struct, kw_only=True):
    """Points that were held for a checkout."""

    at: DateTimeString
    address: Email
    reserve: str
    points: int
    state: str
    until: DateTimeString
    source: str
    ref: str


class ReportedOrder(Struct, kw_only=True):
    """An order, and the points that it gave in a reserve."""

    at: Time
    address: Email
    shop: str
    order: Annotated[str, Meta(description="Its id in the shop.")]
    number: str
    status: str
    reserve: str
    points: int


class ReportedAccount(Struct, kw_only=True):
    """An account in a shop that had one of the addresses when the shop last reported it."""

    at: Time
    address: Email
    shop: str
    account: str


class ReportedMail(Struct, kw_only=True):
    """A mail to the person."""

    at: DateTimeString
    address: Email
    kind: str
    state: str
    sent_at: Time
    facts: Annotated[dict[str, Any], Meta(description="The values that its text names.")]


class ReportedDelivery(Struct, kw_only=True):
    """A movement that waits for another site, or was refused there."""

    at: DateTimeString
    address: Email
    movement: str
    site: str
    state: str
    message: str | None


class ReportedMention(Struct, kw_only=True):
    """A text that names one of the addresses."""

    at: DateTimeString
    place: Annotated[str, Meta(examples=["audit log"])]
    text: str


class ReportedFile(Struct, kw_only=True):
    """A file in this site's data folder that names one of the addresses."""

    at: DateTimeString
    title: str
    file: Annotated[str, Meta(description="Its place in the folder files.")]
    size: Annotated[int, Meta(description="Bytes.")]


class ReportedPair(Struct, kw_only=True):
    """Another customer who may be the same person."""

    at: DateTimeString
    address: Email
    other: Email
    reason: str
    is_dismissed: bool


PARTS: dict[str, type[Struct]] = {
    "addresses": ReportedAddress,
    "changes": ReportedChange,
    "balances": ReportedBalance,
    "levels": ReportedLevel,
    "redemptions": ReportedRedemption,
    "holds": ReportedHold,
    "orders": ReportedOrder,
    "accounts": ReportedAccount,
    "mails": ReportedMail,
    "deliveries": ReportedDelivery,
    "mentions": ReportedMention,
    "files": ReportedFile,
    "pairs": ReportedPair,
    "movements": Movement,
}
"""The parts of a report in their order. The last one may be very long."""


class ReportParts(Struct, kw_only=True, omit_defaults=True):
    """The parts of a report. One that is empty may be left out."""

    addresses: list[ReportedAddress] = []
    changes: list[ReportedChange] = []
    balances: list[ReportedBalance] = []
    levels: list[ReportedLevel] = []
    redemptions: list[ReportedRedemption] = []
    holds: list[ReportedHold] = []
    orders: list[ReportedOrder] = []
    accounts: list[ReportedAccount] = []
    mails: list[ReportedMail] = []
    deliveries: list[ReportedDelivery] = []
    mentions: list[ReportedMention] = []
    files: list[ReportedFile] = []
    pairs: list[ReportedPair] = []
    movements: list[Movement] = []


class SiteReport(Struct, kw_only=True):
    """What one site holds."""

    auth: str
    name: str
    url: str | None
    problem: Annotated[
        str | None, Meta(description="Why the site did not answer, or not completely. Ask its admin then.")
    ]
    parts: ReportParts


class PersonReport(Struct, kw_only=True):
    """The stored data about a person."""

    customer: Email
    made_at: DateTimeString
    sites: Annotated[list[SiteReport], Meta(description="This site comes first.")]
