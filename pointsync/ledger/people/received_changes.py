"""The changes of people that this site holds of one origin: their sum, and page after page."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.digests import DigestSum
from pointsync.models import CustomerChange

# Built once, because each ping executes it.
_SELECT_DIGESTS = select(CustomerChange.digest).where(CustomerChange.origin == bindparam("origin"))


def sum_held(session: Session, origin: str) -> DigestSum:
    """The sum of the origin's changes here, whether they count or not."""
    return DigestSum.of(session.connection().execute(_SELECT_DIGESTS, {"origin": origin}).scalars())


def get_have(session: Session, origin: str) -> dict[str, Any]:
    """`{count, max_id, hash}` of the origin's changes here; `max_id` is a decimal string."""
    query = select(CustomerChange.id, CustomerChange.digest).where(CustomerChange.origin == origin)
    digests = {int(change_id): digest for change_id, digest in session.execute(query)}
    return DigestSum.of(digests.values()).to_json() | {"max_id": str(max(digests, default=0))}


def list_page(session: Session, origin: str, after: int, limit: int) -> Sequence[CustomerChange]:
    """The next of the origin's changes with ids above `after`, in the order of their ids as numbers."""
    length, text = func.length(CustomerChange.id), str(after)
    is_above = or_(length > len(text), (length == len(text)) & (CustomerChange.id > text))
    query = select(CustomerChange).where(CustomerChange.origin == origin, is_above, length <= len(str(ids.MAX_ID)))
    return session.scalars(query.order_by(length, CustomerChange.id).limit(limit)).all()
