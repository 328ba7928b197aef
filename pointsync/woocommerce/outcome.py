"""The outcome of a delivery."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HookOutcome:
    """The outcome of a delivery, with a message for admins.

    `recorded`; `duplicate`, if nothing had changed; `kept`, if it is counted later; `unused`.
    """

    status: str
    message: str


class DeliveryKept(Exception):
    """The delivery is counted later. `reason` is stored with it; the text is for admins."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
