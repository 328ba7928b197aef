"""What several remotes returned under one id, merged into one movement, in whatever order they returned it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pointsync.ledger.people.erased.tokens import is_token
from pointsync.models import ReturnedMovement, ReturnProblem

_OPTIONAL_FIELDS = ("at", "ref", "source")


@dataclass(frozen=True, slots=True)
class MergedMovement:
    """A movement that the remotes in `remote_ids` returned, all with the same content.

    `at`, `ref` and `source` are None if none of them knows it as it was sent.
    """

    movement_id: int
    reserve_id: int
    customer: str
    points: int
    kind: str
    reason: str
    at: datetime | None
    ref: str | None
    source: str | None
    digest: int
    remote_ids: frozenset[int]


def merge(rows: Sequence[ReturnedMovement]) -> MergedMovement | ReturnProblem:
    """Merge the rows of one id, or say why an admin must decide."""
    if not all(have_same_content(row, other) for row in rows for other in rows):
        return ReturnProblem.SITES_DIFFER
    if all(row.is_altered for row in rows):
        return ReturnProblem.ALTERED_THERE
    return combine(rows)


def have_same_content(row: ReturnedMovement, other: ReturnedMovement) -> bool:
    """Whether two remotes returned the same, as far as both know it as it was sent."""
    if (row.digest, row.reserve_id, row.kind) != (other.digest, other.reserve_id, other.kind):
        return False
    # A ref may have named the customer whom one of the two has erased.
    is_erased = is_token(row.customer) or is_token(other.customer)
    names = [name for name in _OPTIONAL_FIELDS if not (is_erased and name == "ref")]
    pairs = [(getattr(row, name), getattr(other, name)) for name in names]
    return all(value is None or other_value is None or value == other_value for value, other_value in pairs)


def combine(rows: Sequence[ReturnedMovement]) -> MergedMovement:
    """The rows of one id with the same content as one movement, with all that any of the remotes knows of it."""
    first = min(rows, key=lambda row: (not is_token(row.customer), row.remote_id))
    rows = [first, *rows]
    at, ref, source = (
        next((value for row in rows if (value := getattr(row, name)) is not None), None) for name in _OPTIONAL_FIELDS
    )
    return MergedMovement(
        movement_id=first.movement_id,
        reserve_id=first.reserve_id,
        customer=first.customer,
        points=first.points,
        kind=first.kind,
        reason=first.reason,
        at=at,
        ref=ref,
        source=source,
        digest=first.digest,
        remote_ids=frozenset(row.remote_id for row in rows),
    )
