"""Handing on the changes of people of a site that is gone, before its movements. There are few, so all are sent."""

import logging

from pointsync import clock, db, ids
from pointsync.ledger.people import received_changes
from pointsync.runtime import get_runtime
from pointsync.sync.protocol import envelope, wire
from pointsync.sync.protocol.changes import encode_changes
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.protocol.pointsync_client import send_signed
from pointsync.sync.protocol.request import Target
from pointsync.sync.site.local_site import Identity

log = logging.getLogger(__name__)

ENDPOINT = "customers/changes/hand-on"


def send_all(origin: str, identity: Identity, target: Target) -> None:
    """Send all changes of `origin` that are here. Raises RemoteError, but not for a version from before changes."""
    after = 0
    while rows := received_changes.list_page(db.session(), origin, after, wire.MAX_BATCH):
        encoded = encode_changes(db.session(), rows)
        after = ids.parse_movement_id(rows[len(encoded) - 1].id) or ids.MAX_ID
        content = envelope.encode_members(origin=origin, changes=encoded)
        db.session.remove()
        try:
            reply = send_signed(get_runtime().client, identity, target, ENDPOINT, content, clock.now())
        except RemoteError as error:
            if error.is_unknown_endpoint:
                return
            raise
        results = reply.body.get("results")
        refused = [
            each
            for each in (results if isinstance(results, list) else [])
            if isinstance(each, dict) and each.get("status") not in ("applied", "duplicate")
        ]
        if refused:
            log.warning("%s refused %s of %s changes of %s", target.url, len(refused), len(encoded), origin)
