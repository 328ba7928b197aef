"""The server of `movements/hand-on`: a site that an admin here allows hands on another site's movements."""

from dataclasses import replace
from datetime import datetime

from flask import Response
from sqlalchemy.orm import Session

from pointsync import digests, ids
from pointsync.ledger import received_summary
from pointsync.ledger.apply import ApplyResult, IncomingMovement
from pointsync.ledger.people.erased.tokens import is_token
from pointsync.models import Origin
from pointsync.peer.pointsync import (
    JsonObject,
    apply_movements,
    handle_call,
    log_results,
    parse_movement,
    require_pinned_sender,
    result_json,
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
        reserve, results = apply_movements(session, body, origin, _parse_handed_on, now)
        return {
            "results": [result_json(each) for each in results],
            "have": received_summary.get_have(session, origin, reserve.id),
        }

    response = handle_call(build_answer)
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


def _parse_handed_on(item: object) -> IncomingMovement | ApplyResult:
    """A movement of a batch, or its refusal, also if it was changed in the database of the site that hands it on."""
    movement = parse_movement(item)
    if not isinstance(movement, IncomingMovement):
        return movement
    is_right = movement.digest in (None, digests.digest(movement.id, movement.points, movement.customer))
    if not is_right and not is_token(movement.customer):
        return ApplyResult(movement.id, "refused", "altered", "It contradicts its digest.")
    return replace(movement, is_history=True)
