"""The call `customers/changes/fetch`: one page of this site's changes of people that a remote's site holds."""

from dataclasses import dataclass
from datetime import datetime

from pointsync import ids
from pointsync.ledger.people.changes.receive import ReceivedChange
from pointsync.net.http_client import HttpClient
from pointsync.sync.protocol import envelope, wire
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.protocol.parse_change import parse_change
from pointsync.sync.protocol.pointsync_client import send_signed
from pointsync.sync.protocol.request import Target
from pointsync.sync.site.local_site import Identity

ENDPOINT = "customers/changes/fetch"


@dataclass(frozen=True, slots=True)
class ChangePage:
    """A page. `next_after` is where the next one starts; None after the last one."""

    changes: list[ReceivedChange]
    unreadable_count: int
    next_after: int | None


def fetch_page(client: HttpClient, identity: Identity, target: Target, after: int, now: datetime) -> ChangePage:
    """The site's next changes of this one with ids above `after`. Raises RemoteError."""
    reply = send_signed(client, identity, target, ENDPOINT, envelope.encode_members(after=str(after)), now)
    items, next_text = reply.body.get("changes"), reply.body.get("next")
    next_after = ids.parse_movement_id(next_text) if isinstance(next_text, str) else None
    if not isinstance(items, list) or len(items) > wire.MAX_BATCH or (next_text is not None and not next_after):
        raise RemoteError("bad_answer", f"{target.url} answered without a list of changes. Check its version.")
    if next_after is not None and next_after <= after:
        raise RemoteError("bad_answer", f"{target.url} returned the same changes again. Check its version.")
    parsed = [parse_change(item, identity.auth, None) for item in items]
    changes = [each for each in parsed if isinstance(each, ReceivedChange)]
    return ChangePage(changes, len(parsed) - len(changes), next_after)
