"""A movement on its way into the table: built once, and read by everything that follows from a new movement."""

from dataclasses import dataclass, fields
from datetime import datetime

from pointsync.models import Customer, Movement


@dataclass(slots=True, kw_only=True)
class MovementRow:
    """The columns of a movement, except `seq`, which the database assigns.

    `origin`, `id` and `digest` are empty until the movement has its id. `customer_id` is the customer whose balance
    changes; the column of this name is `address_id` here: the row of the address under which it is recorded.
    """

    origin: str = ""
    id: str = ""
    customer_id: int
    address_id: int
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


NAMES = tuple(field.name for field in fields(MovementRow) if field.name != "address_id")
"""The columns to insert."""
COLUMNS = (
    *(Movement.__table__.c[name] for name in NAMES if name != "customer_id"),
    Customer.person_id().label("customer_id"),
    Movement.customer_id.label("address_id"),
)
"""What to select for `MovementRow(**row)`, from movements joined with the rows of their addresses."""
