"""Reading the movements of a request, each as what `apply` takes or as its refusal."""

from collections.abc import Sized

import msgspec

from pointsync import clock, digests, ids, whole_number
from pointsync.ledger.apply import ApplyResult, IncomingMovement
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.wire import WireError
from pointsync.text_limits import sanitise

_DECODER = msgspec.json.Decoder(list[wire.Movement])


def parse_movements(raw: msgspec.Raw) -> list[IncomingMovement | ApplyResult]:
    """The movements in the JSON of a list. One that is malformed is refused, and the others are not.

    Raises WireError if it is no list, or too long.
    """
    try:
        # Nearly all batches are well-formed, and decoding a whole one takes a quarter of the time.
        movements = _DECODER.decode(raw)
        _check_length(movements)
        return [_build_incoming(movement) for movement in movements]
    except ValueError:
        return [_parse_movement(item) for item in _decode_items(raw)]


def _decode_items(raw: msgspec.Raw) -> list[object]:
    try:
        items = whole_number.decode_json(bytes(raw))
    except (ValueError, RecursionError) as error:
        raise WireError(400, "malformed", "The body is not JSON in UTF-8.") from error
    if not isinstance(items, list):
        raise WireError(400, "malformed", "movements must be a list.")
    _check_length(items)
    return items


def _check_length(items: Sized) -> None:
    if len(items) > wire.MAX_BATCH:
        raise WireError(413, "too_large", f"A batch has at most {wire.MAX_BATCH:,} movements.")


def _parse_movement(item: object) -> IncomingMovement | ApplyResult:
    try:
        return _build_incoming(msgspec.convert(whole_number.with_numbers(item, ("points",)), wire.Movement))
    except ValueError as error:
        raw_id = item.get("id") if isinstance(item, dict) else None
        clean_id = sanitise(raw_id, 64) if isinstance(raw_id, str) else ""
        return ApplyResult(clean_id, "refused", "malformed", sanitise(str(error), 200))


def _build_incoming(movement: wire.Movement) -> IncomingMovement:
    """Raises ValueError for what the types of the fields do not say."""
    at = clock.from_text(movement.at)
    if ids.parse_movement_id(movement.id) is None:
        raise ValueError("The id must be a positive 63-bit integer in decimal digits.")
    return IncomingMovement(
        movement.id,
        movement.customer,
        movement.points,
        kind=movement.kind,
        reason=movement.reason,
        at=at,
        ref=movement.ref,
        source=movement.source,
        is_history=movement.history,
        digest=digests.from_text(movement.digest),
    )
