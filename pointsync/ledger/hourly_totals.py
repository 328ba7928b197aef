"""Hourly totals of movements, updated whenever movements are inserted.

A movement counts in the hour in which it happened, not in the hour in which it arrived here, so that all sites count
it in the same month.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, String, func, type_coerce
from sqlalchemy.orm import Session

from pointsync.db import UtcDateTime
from pointsync.db.upsert import add_to_counters
from pointsync.ledger.movement_row import MovementRow
from pointsync.models import HourlyTotal, Movement


@dataclass(frozen=True, slots=True)
class HourTotals:
    """The number of movements, and the points given and taken; both are positive."""

    movements: int = 0
    given: int = 0
    taken: int = 0

    def __add__(self, other: "HourTotals") -> "HourTotals":
        return HourTotals(self.movements + other.movements, self.given + other.given, self.taken + other.taken)

    @property
    def net(self) -> int:
        """Points given minus points taken."""
        return self.given - self.taken


def add_movements(session: Session, rows: Iterable[MovementRow]) -> None:
    """Add new movements to the totals of their hour, origin, reserve and kind, in one statement.

    Movements of 0 points are left out: they exist only for their `ref`, and other sites do not get them.
    The caller holds the lock of the movements' origin, so nobody else changes the same totals.
    """
    sums: dict[tuple[datetime, str, int, str], list[int]] = {}
    for row in rows:
        if not row.points:
            continue
        key = (_start_of_hour(row.at), row.origin, row.reserve_id, row.kind)
        totals = sums.get(key) or sums.setdefault(key, [0, 0, 0])
        totals[0] += 1
        totals[1 if row.points > 0 else 2] += abs(row.points)
    rows_of_totals = [
        {
            "hour": hour,
            "origin": origin,
            "reserve_id": reserve_id,
            "kind": kind,
            "movements": count,
            "given": given,
            "taken": taken,
        }
        for (hour, origin, reserve_id, kind), (count, given, taken) in sorted(sums.items())
    ]
    add_to_counters(
        session, HourlyTotal, ("hour", "origin", "reserve_id", "kind"), ("movements", "given", "taken"), rows_of_totals
    )


def movement_hour(session: Session) -> ColumnElement[datetime]:
    """The hour in which a movement counts, as a column for queries."""
    if session.get_bind().dialect.name == "sqlite":
        hour_text = func.substr(type_coerce(Movement.at, String), 1, 13).concat(":00:00.000000")
        return type_coerce(hour_text, UtcDateTime)
    return type_coerce(func.date_trunc("hour", Movement.at, "UTC"), UtcDateTime)


def _start_of_hour(time: datetime) -> datetime:
    time = time if time.tzinfo is UTC else time.astimezone(UTC)
    return time.replace(minute=0, second=0, microsecond=0)
