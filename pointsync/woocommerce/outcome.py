"""The outcome of a delivery."""

from dataclasses import dataclass
from enum import StrEnum

from pointsync.ledger.orders.settle import Settlement


class DeliveryProblem(StrEnum):
    """Why an admin has something to do about a delivery."""

    CANNOT_VIEW = "cannot_view"
    """The user who created the webhook may not view what it delivers, so the shop sent an error in its place."""
    UNUSABLE = "unusable"
    """It could not be used."""


@dataclass(frozen=True, slots=True)
class HookOutcome:
    """The outcome of a delivery, with a message for admins.

    `recorded`; `duplicate`, if nothing had changed; `kept`, if it is counted later; `unused`.
    """

    status: str
    message: str
    problem: DeliveryProblem | None = None
    settlement: Settlement | None = None
    """Of an order that was settled."""


class DeliveryKept(Exception):
    """The delivery is counted later. `reason` is stored with it; the text is for admins.

    `shop_id`: a hook that belongs to no shop yet belongs to this one, although nothing was counted.
    """

    def __init__(self, reason: str, message: str, shop_id: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.shop_id = shop_id
