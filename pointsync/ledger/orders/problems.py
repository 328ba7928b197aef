"""Orders that an admin has to do something about."""

from enum import StrEnum


class OrderProblem(StrEnum):
    """What is the matter with an order."""

    NO_RATE = "no_rate"
    """It is in a currency without a rate, so it does not count."""
    REPLACED = "replaced"
    """The shop has used its id for another order, and its points are still given."""
