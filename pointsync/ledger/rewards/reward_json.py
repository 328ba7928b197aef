"""Rewards and levels as JSON, for the API and for commands. The API's description is built from these classes."""

from typing import Annotated, Self

from msgspec import Meta, Struct

from pointsync import models


class Reward(Struct):
    """A reward that customers redeem points for."""

    id: int
    title: str
    description: str
    cost: Annotated[int, Meta(description="How many points it costs.", examples=[500])]
    active: Annotated[bool, Meta(description="Whether customers can redeem it.")]

    @classmethod
    def from_row(cls, row: models.Reward) -> Self:
        """The document of a row."""
        return cls(id=row.id, title=row.title, description=row.description, cost=row.cost, active=row.is_active)


class Level(Struct):
    """A level that customers reach by their points."""

    id: int
    title: str
    description: str
    points: Annotated[int, Meta(description="How many points it takes to reach the level.", examples=[1000])]
    active: Annotated[bool, Meta(description="Whether customers can reach it.")]

    @classmethod
    def from_row(cls, row: models.Level) -> Self:
        """The document of a row."""
        return cls(id=row.id, title=row.title, description=row.description, points=row.points, active=row.is_active)
