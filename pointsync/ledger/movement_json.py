"""A movement as commands and the API show it."""

from typing import Any

from pointsync import clock
from pointsync.models import Movement


def movement_to_json(movement: Movement, email: str, reserve_key: str) -> dict[str, Any]:
    """`{id, ref, origin, customer, reserve, kind, points, balance, reason, at, recorded_at}`."""
    return {
        "id": movement.id,
        "ref": movement.ref,
        "origin": movement.origin,
        "customer": email,
        "reserve": reserve_key,
        "kind": movement.kind,
        "points": movement.points,
        "balance": movement.balance,
        "reason": movement.reason,
        "at": clock.to_text(movement.at),
        "recorded_at": clock.to_text(movement.recorded_at),
    }
