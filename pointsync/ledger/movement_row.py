"""A movement on its way into the table: built once, and read by everything that follows from a new movement."""

from dataclasses import dataclass, fields
from datetime import datetime

from pointsync.models import Movement


@dataclass(slots=True, kw_only=True)
class MovementRow:
    """The columns of a movement, except `seq`, which the database assigns.

    `origin`, `id` and `digest` are empty until the movement has its id.
    """

    origin: str = ""
    id: str = ""
    customer_id: int
    reserve_id: int
    kind: str
    points: int
    set_to: int | None
    balance: int
    reason: str
    source: str | None
    ref: str | None
    at: datetime
    recorded_at: datetime
    below_zero: bool
    is_history: bool
    digest: int = 0
    sent_customer: str | None = None
    ref_source: str | None = None


NAMES = tuple(field.name for field in fields(MovementRow))
COLUMNS = tuple(Movement.__table__.c[name] for name in NAMES)
"""What to select for `MovementRow(**row)`."""
