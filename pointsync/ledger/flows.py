"""Flows: kept in step with the movements, by everything that writes these."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, String, func, type_coerce
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pointsync.db import Moment
from pointsync.models import Flow, Movement


def add(session: Session, rows: Iterable[dict[str, Any]]) -> None:
    """Count new movements, one write for each hour, origin, reserve and kind among them.

    The caller holds the lock under which movements of their origin are made: no other adds to the same.
    """
    sums: dict[tuple[datetime, str, int, str], list[int]] = {}
    for row in rows:
        key = (_hour(row["recorded_at"]), row["origin"], row["reserve_id"], row["kind"])
        of_key = sums.setdefault(key, [0, 0, 0])
        of_key[0] += 1
        of_key[1] += max(row["points"], 0)
        of_key[2] += max(-row["points"], 0)
    if not sums:
        return
    connection = session.connection()
    insert = (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(Flow.__table__)  # type: ignore[arg-type]
    more = {name: Flow.__table__.c[name] + insert.excluded[name] for name in ("movements", "given", "taken")}
    connection.execute(
        insert.on_conflict_do_update(index_elements=["hour", "origin", "reserve_id", "kind"], set_=more),
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


def hour_of_movement(session: Session) -> ColumnElement[datetime]:
    """The hour that a movement counts in, for a query of many."""
    if session.get_bind().dialect.name == "sqlite":
        kept = func.substr(type_coerce(Movement.recorded_at, String), 1, 13).concat(":00:00.000000")
        return type_coerce(kept, Moment)
    return type_coerce(func.date_trunc("hour", Movement.recorded_at, "UTC"), Moment)


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
