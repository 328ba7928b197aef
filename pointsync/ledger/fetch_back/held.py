"""The movements of an origin that this site holds, as the origin sent them: what it can fetch back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.models import Customer, Movement

MAX_ID_LENGTH = len(str(ids.MAX_ID))


@dataclass(frozen=True, slots=True)
class HeldMovement:
    """A movement as it was sent. `at` is None if the time of its arrival was stored instead."""

    id: int
    customer: str
    points: int
    kind: str
    reason: str
    at: datetime | None
    ref: str | None
    source: str | None
    digest: int | None


@dataclass(frozen=True, slots=True)
class HeldPage:
    """Movements in the order of their ids. `next_after` is where the next page starts; None after the last one."""

    movements: list[HeldMovement]
    next_after: int | None


def list_page(session: Session, origin: str, reserve_id: int, after: int, limit: int) -> HeldPage:
    """The movements of `origin` in a reserve with ids above `after`, of the next `limit` movements in all reserves.

    So a page may be empty although more follow, and no page takes long. Movements of 0 points are left out.
    """
    rows = _list_rows(session, origin, after, limit)
    numbered = [(number, row) for row in rows if (number := ids.parse_movement_id(row.id))]
    movements = [
        HeldMovement(
            number,
            row.customer,
            row.points,
            row.kind,
            row.reason,
            None if row.at == row.recorded_at else row.at,
            row.ref,
            row.ref_source,
            row.digest,
        )
        for number, row in numbered
        if row.reserve_id == reserve_id and row.points
    ]
    return HeldPage(movements, numbered[-1][0] if numbered and len(rows) == limit else None)


def _list_rows(session: Session, origin: str, after: int, limit: int) -> list[Row[Any]]:
    """The next rows in the order of their ids as numbers: ids of the same length are in the order of their texts.

    Each length is read in the order of the unique index, so that a page in the middle reads no other rows.
    """
    rows: list[Row[Any]] = []
    after_text = str(after)
    length: int | None = len(after_text)
    while length is not None and len(rows) < limit:
        query = (
            select(
                Movement.id,
                Movement.reserve_id,
                Movement.points,
                Movement.kind,
                Movement.reason,
                Movement.at,
                Movement.recorded_at,
                Movement.ref,
                Movement.ref_source,
                Movement.digest,
                Movement.customer_as_sent().label("customer"),
            )
            .join(Customer, Customer.id == Movement.customer_id)
            .where(Movement.origin == origin, func.length(Movement.id) == length)
            .order_by(Movement.id)
            .limit(limit - len(rows))
        )
        if length == len(after_text):
            query = query.where(Movement.id > after_text)
        rows.extend(cast(Sequence[Row[Any]], session.execute(query).all()))
        if len(rows) < limit:
            length = _next_length(session, origin, length)
    return rows


def _next_length(session: Session, origin: str, length: int) -> int | None:
    """The next longer length of the origin's ids; None if there is none."""
    id_length = func.length(Movement.id)
    query = select(func.min(id_length)).where(Movement.origin == origin, id_length > length, id_length <= MAX_ID_LENGTH)
    length_found: int | None = session.scalar(query)
    return length_found
