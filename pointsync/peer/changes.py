"""The server of `customers/changes`, and of `customers/changes/fetch` and `/hand-on`: changes of people."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from flask import Response
from sqlalchemy.orm import Session

from pointsync.ledger.people import received_changes
from pointsync.ledger.people.changes.receive import ChangeResult, ReceivedChange, receive
from pointsync.peer.hand_on import require_origin
from pointsync.peer.pointsync import JsonObject, handle_call, require_listed_sender, require_pinned_sender
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.changes import encode_changes
from pointsync.sync.protocol.parse_change import parse_change
from pointsync.sync.protocol.wire import WireError
from pointsync.sync.site import settings
from pointsync.sync.site.local_site import Identity

log = logging.getLogger(__name__)


def change_customers() -> Response:
    """Store a batch of the caller's changes and let them take effect. The answer is sent after the commit."""
    return _receive_batch(lambda session, _, body: require_listed_sender(session, body))


def hand_on_changes() -> Response:
    """Store a batch of changes of another site, which the caller may hand on."""
    return _receive_batch(require_origin)


def _receive_batch(find_origin: Callable[[Session, Identity, JsonObject], str]) -> Response:
    results: list[ChangeResult] = []

    def build_answer(session: Session, identity: Identity, body: JsonObject, now: datetime) -> JsonObject:
        nonlocal results
        origin = find_origin(session, identity, body)
        results = receive_changes(session, origin, body, now)
        return {"results": [result_json(each) for each in results], "have": received_changes.get_have(session, origin)}

    response = handle_call(build_answer)
    log_results(results)
    return response


def fetch_changes() -> Response:
    """Answer the next of the caller's own changes that this site holds."""
    return handle_call(_build_page, only_reads=True)


def _build_page(session: Session, _identity: Identity, body: JsonObject, _now: datetime) -> JsonObject:
    require_pinned_sender(session, body["from"])
    rows = received_changes.list_page(session, body["from"], wire.require_position(body), wire.MAX_BATCH)
    encoded = encode_changes(session, rows)
    is_last = len(encoded) == len(rows) < wire.MAX_BATCH
    next_after = None if is_last else rows[len(encoded) - 1].id
    return {"changes": encoded, "next": next_after, "have": received_changes.get_have(session, body["from"])}


def receive_changes(session: Session, origin: str, body: JsonObject, now: datetime) -> list[ChangeResult]:
    """Store the changes of a request as those of `origin`; the results are in the request's order."""
    items = body.get("changes")
    if not isinstance(items, list):
        raise WireError(400, "malformed", "changes must be a list.")
    if len(items) > wire.MAX_BATCH:
        raise WireError(413, "too_large", f"A batch has at most {wire.MAX_BATCH:,} changes.")
    parsed = [parse_change(item, origin, now) for item in items]
    received = [each for each in parsed if isinstance(each, ReceivedChange)]
    needs_approval = settings.read(session).approve_changes
    results = iter(receive(session, origin, received, now, needs_approval=needs_approval))
    return [next(results) if isinstance(each, ReceivedChange) else each for each in parsed]


def result_json(result: ChangeResult) -> JsonObject:
    """A result on the wire."""
    optional = {"code": result.code, "message": result.message}
    return {"id": result.id, "status": result.status} | {key: each for key, each in optional.items() if each}


def log_results(results: Sequence[ChangeResult]) -> None:
    """Log how many changes are new, and each that was not stored. No addresses."""
    if new := [each for each in results if each.status == "applied"]:
        log_fields = {"applied": len(new), "sent": len(results), "change": new[-1].id}
        log.info("%(applied)s of %(sent)s changes of customers are new", log_fields, extra=log_fields)
    for each in results:
        if each.status in ("refused", "conflict"):
            log_fields_of_one = {"change": each.id, "code": each.code}
            message = "change %(change)s of customers of another site was not stored: %(code)s"
            log.warning(message, log_fields_of_one, extra=log_fields_of_one)
