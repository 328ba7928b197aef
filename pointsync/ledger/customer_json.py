"""A customer as JSON, for the API and for commands. The API's description is built from these classes."""

from typing import Annotated

from msgspec import Meta, Struct

from pointsync.ledger.movement_json import Email


class CustomerBalance(Struct):
    """A customer's points in one reserve."""

    reserve: Annotated[str, Meta(description="The key of the points reserve.")]
    points: int


class Customer(Struct):
    """A customer with all balances."""

    customer: Email
    balances: list[CustomerBalance]
