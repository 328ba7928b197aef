"""Which of a customer's balances are shown."""

from collections.abc import Iterable

from pointsync.models import Reserve


def shown_balances(reserves: Iterable[Reserve], points: dict[str, int]) -> list[tuple[Reserve, int]]:
    """The points in each reserve that is active, and in others where there are some."""
    return [
        (reserve, points.get(reserve.key, 0)) for reserve in reserves if reserve.is_active or points.get(reserve.key, 0)
    ]
