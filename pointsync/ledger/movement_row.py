"""A movement on its way into the table: built once, and read by everything that follows from a new movement."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from pointsync.models import Customer, Movement


class MovementRow(msgspec.Struct, kw_only=True, gc=False):
    """The columns of a movement, except `seq`, which the database assigns. A `Struct`, because a batch creates and
    reads a thousand of them, which takes a dataclass three times as long.

    `origin`, `id` and `digest` are empty until the movement has its id. `customer_id` is the customer whose balance
    changes; the column of this name is `address_id` here: the row of the address under which it is recorded.
    """

    origin: str = ""
    id: str = ""
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
    customer_id: int
    """The last field, since the others are the columns."""


NAMES = tuple(
    "customer_id" if name == "address_id" else name for name in MovementRow.__struct_fields__ if name != "customer_id"
)
"""The columns to insert."""
COLUMNS = (
    *(Movement.__table__.c[name] for name in NAMES if name != "customer_id"),
    Customer.person_id().label("customer_id"),
    Movement.customer_id.label("address_id"),
)
"""What to select for `MovementRow(**row)`, from movements joined with the rows of their addresses."""


def insertable(rows: Iterable[MovementRow]) -> list[tuple[Any, ...]]:
    """The values of the columns `NAMES`, of each row."""
    return [msgspec.structs.astuple(row)[:-1] for row in rows]
