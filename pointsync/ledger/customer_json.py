"""A customer as JSON, for the API and for commands. The API's description is built from these classes."""

from typing import Annotated

from msgspec import Meta, Struct

from pointsync.ledger.movement_json import Email


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
