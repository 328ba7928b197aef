"""Flows: kept in step with the movements, by everything that writes these.

A movement counts in the hour in which it was made, and not in that in which it came here: so the sites that have it
count it in the same month.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, String, func, type_coerce
from sqlalchemy.orm import Session

from pointsync.db import UtcDateTime
from pointsync.db.upsert import dialect_insert
from pointsync.models import HourlyTotal, Movement


@dataclass(frozen=True, slots=True)
class HourTotals:
    """What movements came to together; `taken` is a number above zero."""

    movements: int = 0
    given: int = 0
    taken: int = 0

    def __add__(self, other: "HourTotals") -> "HourTotals":
        return HourTotals(self.movements + other.movements, self.given + other.given, self.taken + other.taken)

    @property
    def net(self) -> int:
        """What was given more than taken."""
        return self.given - self.taken


def add_movements(session: Session, rows: Iterable[dict[str, Any]]) -> None:
    """Count new movements, one row for each hour, origin, reserve and kind among them, all rows in one go.

    Those of no points are left out: they are kept for their `ref`, and no other site hears of them.

    The caller holds the lock under which movements of their origin are made: no other adds to the same.
    """
    sums: dict[tuple[datetime, str, int, str], list[int]] = {}
    for row in rows:
        if not row["points"]:
            continue
        key = (_start_of_hour(row["at"]), row["origin"], row["reserve_id"], row["kind"])
        key_totals = sums.setdefault(key, [0, 0, 0])
        key_totals[0] += 1
        key_totals[1] += max(row["points"], 0)
        key_totals[2] += max(-row["points"], 0)
    if not sums:
        return
    insert = dialect_insert(session, HourlyTotal)
    increments = {
        name: HourlyTotal.__table__.c[name] + insert.excluded[name] for name in ("movements", "given", "taken")
    }
    session.connection().execute(
        insert.on_conflict_do_update(index_elements=["hour", "origin", "reserve_id", "kind"], set_=increments),
        [
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
        ],
    )


def movement_hour(session: Session) -> ColumnElement[datetime]:
    """The hour that a movement counts in, for a query of many."""
    if session.get_bind().dialect.name == "sqlite":
        hour_text = func.substr(type_coerce(Movement.at, String), 1, 13).concat(":00:00.000000")
        return type_coerce(hour_text, UtcDateTime)
    return type_coerce(func.date_trunc("hour", Movement.at, "UTC"), UtcDateTime)


def _start_of_hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
