"""The server of `digest`: what this site holds of the caller's movements, in ranges of ids."""

from datetime import datetime

from flask import Response
from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.peer.pointsync import JsonObject, handle_call, require_reserve
from pointsync.sync.comparison import ranges
from pointsync.sync.protocol.wire import WireError
from pointsync.sync.site.local_site import Identity


def digest_movements() -> Response:
    """Answer what this site holds of the caller's movements in ranges of ids."""
    return handle_call(_build_answer, only_reads=True)


def _build_answer(session: Session, _identity: Identity, body: JsonObject, _now: datetime) -> JsonObject:
    reserve = require_reserve(session, body)
    return {"ranges": ranges.describe(session, body["from"], reserve.id, _parse_ranges(body))}


def _parse_ranges(body: JsonObject) -> list[tuple[int, int]]:
    """The ascending, disjoint ranges of a request, so that no movement is read twice."""
    items = body.get("ranges")
    if not isinstance(items, list) or len(items) > ranges.MAX_RANGES:
        raise WireError(400, "malformed", f"ranges must be a list of at most {ranges.MAX_RANGES:,}.")
    parsed: list[tuple[int, int]] = []
    for item in items:
        bounds = [_parse_bound(each) for each in item] if isinstance(item, list) else []
        if len(bounds) != 2 or bounds[0] > bounds[1] or (parsed and bounds[0] <= parsed[-1][1]):
            raise WireError(400, "malformed", "Each range is [low, high] in decimal digits, above the one before.")
        parsed.append((bounds[0], bounds[1]))
    return parsed


def _parse_bound(value: object) -> int:
    number = ids.parse_movement_id(value) if isinstance(value, str) else None
    if value == "0":
        return 0
    if number is None:
        raise WireError(400, "malformed", "The bounds of a range are ids in decimal digits.")
    return number
