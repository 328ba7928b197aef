"""The server of `movements/hand-on`: a site that an admin here allows hands on another site's movements."""

from datetime import datetime

import msgspec
from flask import Response
from sqlalchemy.orm import Session

from pointsync import digests, ids
from pointsync.ledger import received_summary
from pointsync.ledger.apply import ApplyResult, IncomingMovement
from pointsync.ledger.people.erased.tokens import is_token
from pointsync.models import Origin
from pointsync.peer.parse_movements import parse_movements
from pointsync.peer.pointsync import (
    JsonObject,
    apply_movements,
    handle_call,
    log_results,
    require_pinned_sender,
)
from pointsync.sync.hand_on import permissions
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.wire import WireError
from pointsync.sync.site.local_site import Identity


def hand_on_movements() -> Response:
    """Apply a batch of another site's movements. The answer is sent after the commit."""
    results: list[ApplyResult] = []

    def build_answer(session: Session, identity: Identity, body: JsonObject, now: datetime) -> JsonObject:
        nonlocal results
        origin = require_origin(session, identity, body)
        batch = apply_movements(session, body, origin, _parse_handed_on, now)
        results = batch.results
        return {"results": results, "have": received_summary.get_have(session, origin, batch.reserve.id)}

    response = handle_call(build_answer, raw_member="movements")
    log_results(results)
    return response


def require_origin(session: Session, identity: Identity, body: JsonObject) -> str:
    """The Auth of the site whose movements the caller may hand on here. Raises WireError."""
    origin = wire.require_text(body, "origin")
    if not ids.is_auth(origin):
        raise WireError(400, "malformed", "origin must be an Auth: wrk_ and 16 hex digits.")
    if origin == identity.auth:
        raise WireError(409, "own_origin", "These are movements of this site itself.")
    require_pinned_sender(session, body["from"])
    if not permissions.is_allowed(session, origin, body["from"]):
        raise WireError(403, wire.HAND_ON_NOT_ALLOWED, "This site's admin has not allowed it.")
    if Origin.is_blocked(session, origin):
        raise WireError(403, wire.BLOCKED, "This site's admin has blocked the site whose movements these are.")
    return origin


def _parse_handed_on(raw: msgspec.Raw) -> list[IncomingMovement | ApplyResult]:
    """The movements of a batch, or their refusals, also if one was changed in the database of the site that hands it
    on."""
    return [_check_handed_on(each) for each in parse_movements(raw)]


def _check_handed_on(movement: IncomingMovement | ApplyResult) -> IncomingMovement | ApplyResult:
    if not isinstance(movement, IncomingMovement):
        return movement
    is_right = movement.digest in (None, digests.digest(movement.id, movement.points, movement.customer))
    if not is_right and not is_token(movement.customer):
        return ApplyResult(movement.id, "refused", "altered", "It contradicts its digest.")
    return msgspec.structs.replace(movement, is_history=True)
