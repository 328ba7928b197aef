"""Sending a batch in the remote's dialect: one call, while no database transaction is open."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from pointsync.models import DeliveryState
from pointsync.net.http_client import HttpClient
from pointsync.sync.delivery.batch import (
    Batch,
    BatchAnswered,
    BatchFailed,
    BatchItem,
    BatchOutcome,
    DeliveryResult,
    Halving,
)
from pointsync.sync.protocol import envelope, wire, woorewards_client
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.protocol.ping import WOOREWARDS
from pointsync.sync.protocol.pointsync_client import send_signed
from pointsync.sync.protocol.request import Target
from pointsync.sync.site.local_site import Identity
from pointsync.text_limits import MAX_MESSAGE_LENGTH, sanitise

_encode_movement = msgspec.json.Encoder().encode
_DELIVERED = DeliveryResult(DeliveryState.DELIVERED)


def encode_movements(batch: Batch) -> tuple[bytes, ...]:
    """The first movements of the batch in JSON, as many as fit into one body."""
    if batch.target.dialect == WOOREWARDS:
        return ()
    return tuple(wire.take_fitting(map(_encode_movement, (item.movement for item in batch.items))))


def send_batch(
    client: HttpClient, identity: Identity, batch: Batch, movements: Sequence[bytes], now: datetime
) -> BatchOutcome:
    """Make the batch's call with its encoded `movements`, and return its outcome. A failed call is an outcome, too:
    nothing is raised."""
    try:
        if batch.target.dialect == WOOREWARDS:
            return _send_woorewards(client, identity, batch.target, batch.items[0])
        return _send_pointsync(client, identity, batch, movements, now)
    except RemoteError as error:
        return describe_failure(error)


def _send_pointsync(
    client: HttpClient, identity: Identity, batch: Batch, movements: Sequence[bytes], now: datetime
) -> BatchOutcome:
    target = batch.target
    content = b'"movements":[' + b",".join(movements) + b"]"
    if batch.sum_before is not None:
        content += b"," + envelope.encode_members(told=batch.sum_before.to_json())
    reply = send_signed(client, identity, target, "movements", content, now)
    wire_results = reply.body.get("results")
    results_by_id = (
        {str(each.get("id")): each for each in wire_results if isinstance(each, dict)}
        if isinstance(wire_results, list)
        else {}
    )
    results = {
        item.delivery_id: result
        for item in batch.items[: len(movements)]
        if (result := _parse_result(results_by_id.get(item.movement.id, {})))
    }
    if not results:
        message = f"{target.url} answered without a result for any movement. Check its version."
        return BatchFailed("bad_answer", message, was_answered=False, is_about_content=True)
    have = reply.body.get("have")
    return BatchAnswered(len(movements), results, have if isinstance(have, dict) else None, reply.clock_offset_seconds)


def _parse_result(result: dict[str, object]) -> DeliveryResult | None:
    status = result.get("status")
    if status in ("applied", "duplicate"):
        return _DELIVERED
    if status in ("conflict", "refused"):
        code = sanitise(str(result.get("code") or status), 32)
        message = sanitise(str(result.get("message") or status), MAX_MESSAGE_LENGTH)
        return DeliveryResult(DeliveryState.FAILED, code, message)
    return None


def _send_woorewards(client: HttpClient, identity: Identity, target: Target, item: BatchItem) -> BatchOutcome:
    body = woorewards_client.send_movement(client, target, identity.auth, item.movement)
    code, message = str(body.get("status_code")), sanitise(str(body.get("message") or ""), MAX_MESSAGE_LENGTH)
    if code == "e410":
        return BatchFailed("unknown_reserve", woorewards_client.unknown_reserve_message(target), is_permanent=True)
    if code == "e409":
        message = f"{target.url} uses this site's own Auth. One of the two sites is a copy of the other."
        return BatchFailed("this_site", message, is_permanent=True)
    if code == "s200" or (code == "s208" and item.was_called):
        result = DeliveryResult(DeliveryState.DELIVERED)
    elif code == "s208":
        message = "The shop already has this movement, but it was never sent: another site may use this site's Auth."
        result = DeliveryResult(DeliveryState.FAILED, "unexpected_duplicate", message)
    elif code == "e404":
        result = DeliveryResult(DeliveryState.UNKNOWN, code, message or "No customer with that e-mail there.")
    else:
        result = DeliveryResult(DeliveryState.FAILED, sanitise(code, 32), message or "Refused by the other site.")
    return BatchAnswered(1, {item.delivery_id: result})


GATEWAY_STATUSES = (502, 503, 504)
"""The site was not reached, or it is busy: these say nothing about the content."""


def describe_failure(error: RemoteError) -> BatchFailed:
    """The outcome of a call that has raised `error`."""
    status = error.status
    is_about_content = status in (400, 413) or (status >= 500 and status not in GATEWAY_STATUSES)
    halving = Halving.NEXT_TIME if error.code == "timeout" else Halving.NEVER
    return BatchFailed(
        code=error.code,
        message=error.message,
        is_permanent=error.is_permanent,
        counts_as_attempt=status not in (413, 429),
        halving=Halving.AT_ONCE if is_about_content else halving,
        was_answered=error.was_answered,
        is_about_content=is_about_content or status in (200, 404),
        retry_after_seconds=error.retry_after_seconds,
        stamp=error.stamp,
    )
