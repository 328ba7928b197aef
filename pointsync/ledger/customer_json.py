"""A customer as JSON, for the API and for commands. The API's description is built from these classes."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from pointsync.ledger.movement_json import DateTimeString, Email


class CustomerBalance(Struct, omit_defaults=True):
    """A customer's points in one reserve."""

    reserve: Annotated[str, Meta(description="The key of the points reserve.")]
    points: int
    held: Annotated[
        int, Meta(description="How many of the points are held for checkouts. It is left out if none are.")
    ] = 0


class Customer(Struct):
    """A customer with all balances."""

    customer: Email
    balances: list[CustomerBalance]


class UnmergedCustomers(Struct):
    """The two customers after a merge was undone."""

    customer: Annotated[Customer, Meta(description="Who was merged into the other one.")]
    other: Customer


class Duplicate(Struct, kw_only=True):
    """Two customers who may be the same person."""

    first: Annotated[Email, Meta(description="The address of the older one.")]
    second: Email
    reason: Annotated[
        Literal["alike", "asked"],
        Meta(
            description="alike: the addresses differ only in dots, in what follows a plus sign, or in two names of one "
            "mail service. asked: a rename of one to an address of the other was refused."
        ),
    ]
    found_at: DateTimeString


class DuplicatePage(Struct, kw_only=True):
    """A page of them, the newest first."""

    duplicates: list[Duplicate]
    next: Annotated[str | None, Meta(description="The cursor of the next page. Null on the last one.")]
    not_compared: Annotated[int, Meta(description="How many addresses have not been compared with the others yet.")]
