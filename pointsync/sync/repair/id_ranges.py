"""The ids of this site's movements by ranges, in which they are compared with a remote."""

from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.db.base import as_stored
from pointsync.ledger.outbox import get_local_auth
from pointsync.models import Delivery, Movement, Remote
from pointsync.sync.comparison import ranges

RANGE_SIZE = 1000
RANGES_PER_CALL = 100


@dataclass(frozen=True, slots=True)
class IdRange:
    """Neighbouring ids, and this site's movements among them that the remote should hold, by id."""

    low: int
    high: int
    delivered: dict[int, int] = field(default_factory=dict)

    @property
    def bounds(self) -> tuple[int, int]:
        """Both ends, which are included."""
        return self.low, self.high

    def split(self) -> tuple["IdRange", "IdRange"]:
        """Two halves: with half of the movements each, or of half of the ids where there are none to divide."""
        known = sorted(self.delivered)
        middle = known[(len(known) - 1) // 2] if len(known) > 1 else (self.low + self.high) // 2
        return (
            IdRange(self.low, middle, {each: self.delivered[each] for each in known if each <= middle}),
            IdRange(middle + 1, self.high, {each: self.delivered[each] for each in known if each > middle}),
        )


def read_part(session: Session, remote: Remote, after_id: int) -> tuple[list[IdRange], int]:
    """The next ranges after an id, and how many movements of this site are in them.

    They are read before the remote is asked. So what is delivered meanwhile is never taken for missing there.
    """
    origin = get_local_auth(session)
    altered = ranges.load_altered(session, origin)
    same_target = select(Remote.id).where(Remote.auth == remote.auth, Remote.target == remote.target)
    rows: list[tuple[int, int | None]] = []
    limit = RANGE_SIZE * RANGES_PER_CALL
    for condition in ranges.by_length(after_id + 1, ids.MAX_ID):
        query = (
            select(Movement.id, as_stored(Movement.digest), Delivery.id)
            .join(
                Delivery,
                (Delivery.movement_seq == Movement.seq)
                & Delivery.remote_id.in_(same_target)
                & Delivery.counted_condition(),
                isouter=True,
            )
            .where(Movement.origin == origin, Movement.reserve_id == remote.reserve_id, condition)
            .where(Movement.points != 0)
            .order_by(Movement.id)
            .limit(limit - len(rows))
        )
        for movement_id, digest, delivery_id in session.execute(query):
            is_counted = delivery_id is not None and digest is not None
            rows.append(
                (int(movement_id), (altered.get(movement_id) or int.from_bytes(digest)) if is_counted else None)
            )
    is_last = len(rows) < limit
    id_ranges, low = [], after_id + 1
    for start in range(0, max(len(rows), 1), RANGE_SIZE):
        part = rows[start : start + RANGE_SIZE]
        ends_here = is_last and start + RANGE_SIZE >= len(rows)
        high = ids.MAX_ID if ends_here else part[-1][0]
        id_ranges.append(
            IdRange(low, high, {movement_id: digest for movement_id, digest in part if digest is not None})
        )
        low = high + 1
    return id_ranges, len(rows)
