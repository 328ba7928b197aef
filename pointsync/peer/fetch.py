"""The server of `movements/fetch`: a site gets its own movements back, as it has sent them."""

from datetime import datetime

import msgspec
from flask import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock, digests, ids
from pointsync.ledger import received_summary
from pointsync.ledger.fetch_back import held
from pointsync.ledger.fetch_back.held import HeldMovement, HeldPage
from pointsync.models import Reserve
from pointsync.peer.pointsync import JsonObject, handle_call, require_pinned_sender
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.wire import WireError
from pointsync.sync.site.local_site import Identity

ENVELOPE_BYTES = 4096
"""Reserved in an answer for everything besides the movements."""


def fetch_movements() -> Response:
    """Answer the next of the caller's own movements that this site holds in a reserve."""
    return handle_call(_build_answer, only_reads=True)


def _build_answer(session: Session, _identity: Identity, body: JsonObject, _now: datetime) -> JsonObject:
    origin, after = body["from"], _parse_after(body)
    require_pinned_sender(session, origin)
    # Also of a reserve that is not active any more: its movements are still held.
    reserve = session.scalar(select(Reserve).where(Reserve.key == wire.require_text(body, "reserve")))
    if reserve is None:
        raise WireError(404, "unknown_reserve", "No points reserve here has that key.")
    page = held.list_page(session, origin, reserve.id, after, wire.MAX_BATCH)
    movements, next_after = _fit(page)
    return {
        "movements": movements,
        "next": None if next_after is None else str(next_after),
        "have": received_summary.get_have(session, origin, reserve.id),
    }


def _parse_after(body: JsonObject) -> int:
    """The id after which the page starts; 0 for the first page."""
    text = wire.require_text(body, "after")
    number = 0 if text == "0" else ids.parse_movement_id(text)
    if number is None:
        raise WireError(400, "malformed", "after must be an id in decimal digits, or 0.")
    return number


def _fit(page: HeldPage) -> tuple[list[msgspec.Raw], int | None]:
    """As many movements as fit into an answer, encoded, and where the next page starts."""
    encoded: list[msgspec.Raw] = []
    remaining_bytes, last_id = wire.MAX_BODY_BYTES - ENVELOPE_BYTES, 0
    for movement in page.movements:
        item = msgspec.json.encode(_to_wire(movement))
        remaining_bytes -= len(item) + 1
        if remaining_bytes < 0:
            return encoded, last_id
        encoded.append(msgspec.Raw(item))
        last_id = movement.id
    return encoded, page.next_after


def _to_wire(movement: HeldMovement) -> wire.ReturnedMovement:
    return wire.ReturnedMovement(
        id=str(movement.id),
        customer=movement.customer,
        points=movement.points,
        kind=movement.kind,
        reason=movement.reason,
        at=clock.to_text(movement.at) if movement.at else None,
        ref=movement.ref,
        source=movement.source,
        digest=None if movement.digest is None else digests.to_text(movement.digest),
    )
