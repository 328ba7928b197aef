"""The call `movements/fetch`: one page of this site's movements that a remote holds."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from pointsync import clock, digests, ids, whole_number
from pointsync.email_address import normalise
from pointsync.errors import InvalidInput
from pointsync.ledger.people.erased.tokens import is_token
from pointsync.models.movement import LOCAL_KINDS
from pointsync.net.http_client import HttpClient
from pointsync.sync.protocol import envelope, wire
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.protocol.pointsync_client import send_signed
from pointsync.sync.protocol.request import Target
from pointsync.sync.site.local_site import Identity
from pointsync.text_limits import MAX_POINTS, MAX_REASON_LENGTH, MAX_REF_LENGTH, is_storable, sanitise

MAX_CUSTOMER_LENGTH = 320
MAX_KIND_LENGTH = 32
MAX_CLOCK_LEAD = timedelta(days=1)
"""How far a clock of this site may have been ahead when it made an id. A higher id would use up all ids."""


@dataclass(frozen=True, slots=True)
class FetchedMovement:
    """A movement that a remote returned, validated. `digest` is that of its fields."""

    id: int
    customer: str
    points: int
    kind: str
    reason: str
    at: datetime | None
    ref: str | None
    source: str | None
    digest: int
    is_altered: bool
    """The remote has stored another digest with it."""


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A page. `next_after` is where the next one starts; None after the last one."""

    movements: list[FetchedMovement]
    unreadable_count: int
    next_after: int | None
    held_count: int
    """How many movements the remote says that it holds."""


def fetch_page(client: HttpClient, identity: Identity, target: Target, after: int, now: datetime) -> FetchedPage:
    """The remote's next movements of this site with ids above `after`. Raises RemoteError."""
    content = envelope.encode_members(after=str(after))
    reply = send_signed(client, identity, target, "movements/fetch", content, now)
    items, next_text, have = (reply.body.get(name) for name in ("movements", "next", "have"))
    next_after = ids.parse_movement_id(next_text) if isinstance(next_text, str) else None
    if not isinstance(items, list) or len(items) > wire.MAX_BATCH or (next_text is not None and not next_after):
        raise RemoteError("bad_answer", f"{target.url} answered without a list of movements. Check its version.")
    if next_after is not None and next_after <= after:
        raise RemoteError("bad_answer", f"{target.url} returned the same movements again. Check its version.")
    parsed = [_parse_item(item, after, now) for item in items]
    movements = [each for each in parsed if each]
    count = have.get("count") if isinstance(have, dict) else None
    held_count = count if isinstance(count, int) and count >= 0 else 0
    return FetchedPage(movements, len(parsed) - len(movements), next_after, held_count)


def _parse_item(item: Any, after: int, now: datetime) -> FetchedMovement | None:
    """The movement; None if this site cannot have sent it like this."""
    try:
        raw = msgspec.convert(whole_number.with_numbers(item, ("points",)), wire.ReturnedMovement)
        at = clock.from_text(raw.at) if raw.at is not None else None
        normalise(raw.customer)
    except (ValueError, InvalidInput):
        return None
    number = ids.parse_movement_id(raw.id)
    if number is None or not after < number <= ids.lowest_id_at(now + MAX_CLOCK_LEAD):
        return None
    if raw.kind in LOCAL_KINDS or not 0 < len(raw.kind) <= MAX_KIND_LENGTH or not is_storable(raw.kind):
        return None
    if not 0 < abs(raw.points) <= MAX_POINTS or len(raw.customer) > MAX_CUSTOMER_LENGTH:
        return None
    content_digest, stored_digest = digests.digest(raw.id, raw.points, raw.customer), digests.from_text(raw.digest)
    if is_token(raw.customer) and stored_digest is not None:
        content_digest = stored_digest  # nobody can compute that of an erased person's movement
    return FetchedMovement(
        id=number,
        customer=raw.customer,
        points=raw.points,
        kind=raw.kind,
        reason=sanitise(raw.reason, MAX_REASON_LENGTH),
        at=at,
        ref=sanitise(raw.ref, MAX_REF_LENGTH) or None if raw.ref else None,
        source=sanitise(raw.source, MAX_REF_LENGTH) or None if raw.source else None,
        digest=content_digest,
        is_altered=stored_digest not in (None, content_digest),
    )
