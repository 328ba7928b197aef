"""A points reserve as JSON, for the API and for commands. The API's description is built from this class."""

from typing import Annotated, Self

from msgspec import Meta, Struct

from pointsync import models


class Reserve(Struct):
    """A points reserve."""

    key: str
    name: str
    active: Annotated[bool, Meta(description="Whether movements can be recorded in it.")]
    may_go_below_zero: Annotated[bool, Meta(description="Whether a spend or redeem may bring a balance below zero.")]

    @classmethod
    def from_row(cls, row: models.Reserve) -> Self:
        """The document of a row."""
        return cls(key=row.key, name=row.name, active=row.is_active, may_go_below_zero=row.may_go_below_zero)
