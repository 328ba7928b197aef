"""The server of `movements/fetch`: a site gets its own movements back, as it has sent them."""

from datetime import datetime

import msgspec
from flask import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock, digests
from pointsync.ledger import received_summary
from pointsync.ledger.fetch_back import held
from pointsync.ledger.fetch_back.held import HeldMovement, HeldPage
from pointsync.models import Reserve
from pointsync.peer.pointsync import JsonObject, handle_call, require_pinned_sender
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.wire import WireError
from pointsync.sync.site.local_site import Identity


def fetch_movements() -> Response:
    """Answer the next of the caller's own movements that this site holds in a reserve."""
    return handle_call(_build_answer, only_reads=True)


def _build_answer(session: Session, _identity: Identity, body: JsonObject, _now: datetime) -> JsonObject:
    origin, after = body["from"], wire.require_position(body)
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


def _fit(page: HeldPage) -> tuple[list[msgspec.Raw], int | None]:
    """As many movements as fit into an answer, encoded, and where the next page starts."""
    encoded = wire.take_fitting(msgspec.json.encode(_to_wire(each)) for each in page.movements)
    is_whole = len(encoded) == len(page.movements)
    next_after = page.next_after if is_whole else page.movements[len(encoded) - 1].id
    return [msgspec.Raw(each) for each in encoded], next_after


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
