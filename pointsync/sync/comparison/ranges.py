"""An origin's movements in a reserve by ranges of ids: their sums, or the digest of each."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.db.base import as_stored
from pointsync.digests import DigestSum, to_text
from pointsync.models import AlteredMovement, Movement

MAX_RANGES = 1000
LISTED_BELOW = 1000
"""A range with fewer movements is answered with the digest of each."""
MAX_LISTED = 10_000
"""So many digests are listed in one answer, which must stay below 2 MiB."""
MAX_DIGITS = len(str(ids.MAX_ID))


def describe(
    session: Session, origin: str, reserve_id: int, id_ranges: Sequence[tuple[int, int]]
) -> list[dict[str, Any]]:
    """For each range `{low, high, count, hash}`, and below 1,000 movements `movements: [[id, digest], …]`."""
    altered = load_altered(session, origin)
    answer, listed_count = [], 0
    for low, high in id_ranges:
        count = total = 0
        listed: list[tuple[str, int]] | None = []
        for part in _read_digests(session, origin, reserve_id, low, high, altered):
            count, total = count + len(part), total + sum(digest for _, digest in part)
            if listed is not None:
                listed = [*listed, *part] if count < LISTED_BELOW else None
        described = {"low": str(low), "high": str(high)} | (DigestSum() + DigestSum(count, total)).to_json()
        if listed is not None and listed_count + count <= MAX_LISTED:
            listed_count += count
            described["movements"] = [[movement_id, to_text(digest)] for movement_id, digest in listed]
        answer.append(described)
    return answer


def load_altered(session: Session, origin: str) -> dict[str, int]:
    """By id, the digests of the origin's movements that somebody has changed in the database."""
    query = select(Movement.id, AlteredMovement.digest).join(
        AlteredMovement, AlteredMovement.movement_seq == Movement.seq
    )
    return {row[0]: row[1] for row in session.execute(query.where(Movement.origin == origin))}


def by_length(low: int, high: int) -> Iterator[ColumnElement[bool]]:
    """Conditions that together select the movements with ids from `low` to `high`, in ascending order.

    Ids are text, and compare as numbers only if they are equally long. One that is no number may be selected, too.
    """
    for digits in range(1, MAX_DIGITS + 1):
        first, last = max(low, 10 ** (digits - 1)), min(high, 10**digits - 1)
        if first <= last:
            yield and_(func.length(Movement.id) == digits, Movement.id.between(str(first), str(last)))


def _read_digests(
    session: Session, origin: str, reserve_id: int, low: int, high: int, altered: dict[str, int]
) -> Iterator[list[tuple[str, int]]]:
    """Ids and digests, in lists of up to 5,000. All movements are read like this, so little is done for each."""
    for condition in by_length(low, high):
        query = (
            select(Movement.id, as_stored(Movement.digest))
            .where(Movement.origin == origin, Movement.reserve_id == reserve_id, condition)
            .where(Movement.points != 0, Movement.digest.is_not(None))
            .order_by(Movement.id)
            .execution_options(yield_per=5000)
        )
        for rows in session.execute(query).partitions():
            # An id that is no number cannot come from the origin, which could not read the whole answer.
            yield [
                (movement_id, altered.get(movement_id) or int.from_bytes(digest))
                for movement_id, digest in rows
                if movement_id.isascii() and movement_id.isdecimal()
            ]
