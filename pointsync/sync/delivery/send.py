"""Sending a batch in the remote's dialect: the one call of an attempt. No database is open meanwhile."""

from datetime import datetime
from urllib.parse import urlencode

import msgspec

from pointsync import clock
from pointsync.net.http_client import HttpClient, HttpResponse
from pointsync.sync.delivery.batch import Batch, BatchAnswered, BatchFailed, BatchItem, BatchOutcome, DeliveryResult
from pointsync.sync.protocol import wire, woorewards
from pointsync.sync.protocol.ping import WOOREWARDS
from pointsync.sync.protocol.pointsync_client import (
    RemoteError,
    Target,
    parse_json_object,
    parse_retry_after,
    pass_changed_message,
    refused_error,
    send_request,
    send_signed,
)
from pointsync.sync.site import passes
from pointsync.sync.site.local_site import Identity
from pointsync.text_limits import MAX_REASON_LENGTH, sanitise

ENVELOPE_BYTES = 4096
"""Left free in a body for what stands around the movements."""


def send_batch(client: HttpClient, identity: Identity, batch: Batch, now: datetime) -> BatchOutcome:
    """Make the batch's call; what came of it, never an exception of the network."""
    try:
        if batch.target.dialect == WOOREWARDS:
            return _send_woorewards(client, identity, batch.target, batch.items[0])
        return _send_pointsync(client, identity, batch, now)
    except RemoteError as error:
        return _batch_failed(error)


def serialize_movement(item: BatchItem) -> bytes:
    """A parcel's movement on the wire."""
    return msgspec.json.encode(
        wire.Movement(
            id=item.id,
            customer=item.customer,
            points=item.points,
            kind=item.kind,
            reason=item.reason,
            at=clock.to_text(item.at),
            ref=item.ref,
            history=item.is_history,
        )
    )


def _send_pointsync(client: HttpClient, identity: Identity, batch: Batch, now: datetime) -> BatchOutcome:
    target = batch.target
    envelope = msgspec.json.encode({"from": identity.auth, "to": target.auth, "reserve": target.reserve})
    movements, remaining_bytes = [], wire.MAX_BODY_BYTES - ENVELOPE_BYTES - len(envelope)
    for item in batch.items:
        encoded = serialize_movement(item)
        remaining_bytes -= len(encoded) + 1
        if remaining_bytes < 0:
            break
        movements.append(encoded)
    payload = envelope[:-1] + b',"movements":[' + b",".join(movements) + b"]}"
    reply = send_signed(client, identity, target, "movements", payload, now)
    wire_results = reply.body.get("results")
    results_by_id = (
        {str(each.get("id")): each for each in wire_results if isinstance(each, dict)}
        if isinstance(wire_results, list)
        else {}
    )
    results = {
        item.delivery_id: result
        for item in batch.items[: len(movements)]
        if item.id in results_by_id and (result := _parse_result(results_by_id[item.id]))
    }
    if not results:
        message = f"{target.url} answered without naming one of the movements; look at its version."
        return BatchFailed("bad_answer", message, was_answered=False, is_about_content=True)
    have = reply.body.get("have")
    return BatchAnswered(len(movements), results, have if isinstance(have, dict) else None, reply.clock_offset_seconds)


def _parse_result(result: dict[str, object]) -> DeliveryResult | None:
    status = result.get("status")
    if status in ("applied", "duplicate"):
        return DeliveryResult("delivered")
    if status in ("conflict", "refused"):
        code = sanitise(str(result.get("code") or status), 32)
        return DeliveryResult("failed", code, sanitise(str(result.get("message") or status), 500))
    return None


def _send_woorewards(client: HttpClient, identity: Identity, target: Target, item: BatchItem) -> BatchOutcome:
    path = woorewards.build_sync_path(target.query_template, target.reserve, item.customer, item.points)
    form = {"source": identity.auth, "transaction_id": item.id, "reason": item.reason}
    headers = {
        "authorization": woorewards.build_basic_auth(target.auth, target.password),
        "accept": "application/json",
        "content-type": "application/x-www-form-urlencoded",
    }
    response = send_request(client, "POST", target.url + path, target, headers, urlencode(form).encode())
    body = parse_json_object(response.body)
    if response.status != 200 or body is None:
        raise _woorewards_error(response, body or {}, target)
    if str(body.get("transaction_id")) != item.id:
        message = f"{target.url} answered about another movement than it was asked; nothing is taken from that."
        raise RemoteError("bad_answer", message, was_answered=False, status=200)
    code, message = str(body.get("status_code")), sanitise(str(body.get("message") or ""), MAX_REASON_LENGTH)
    if code == "s200" or (code == "s208" and item.was_called):
        return BatchAnswered(1, {item.delivery_id: DeliveryResult("delivered")})
    if code == "s208":
        failure_message = "It is held there already, though it was never sent: another site may use this site's Auth."
        return BatchAnswered(1, {item.delivery_id: DeliveryResult("failed", "unexpected_duplicate", failure_message)})
    if code == "e404":
        return BatchAnswered(
            1, {item.delivery_id: DeliveryResult("unknown", "e404", message or "No customer with that e-mail there.")}
        )
    if code == "e410":
        failure_message = (
            f"No active system at {target.url} uses the reserve {target.reserve!r}: switch it on, or pick another."
        )
        return BatchFailed("unknown_reserve", failure_message, is_permanent=True)
    if code == "e409":
        failure_message = f"{target.url} has this site's own Auth: one of the two is a copy of the other."
        return BatchFailed("this_site", failure_message, is_permanent=True)
    return BatchAnswered(
        1, {item.delivery_id: DeliveryResult("failed", sanitise(code, 32), message or "Refused there.")}
    )


def _woorewards_error(response: HttpResponse, body: dict[str, object], target: Target) -> RemoteError:
    status = response.status
    if status == 401 and body.get("message") == passes.EXPIRED_PASS_MESSAGE:
        return RemoteError("bad_credentials", pass_changed_message(target), is_permanent=True, status=status)
    if status == 403 and (
        codes := [code for code, text in wire.REFUSAL_MESSAGES.items() if text == body.get("message")]
    ):
        return refused_error(codes[0], target, status)
    if status in (401, 403):
        message = f"{target.url} refuses Auth. and Pass.: copy both again from its Local site information."
        return RemoteError("bad_credentials", message, is_permanent=True, status=status)
    if status == 404:
        message = (
            f"{target.url} knows no points sync under the Query Template: is the add-on active, is the path right?"
        )
        return RemoteError("not_a_site", message, is_permanent=True, status=status)
    if status == 429:
        message = f"{target.url} asks to come back later."
        return RemoteError("bad_answer", message, status=status, retry_after_seconds=parse_retry_after(response))
    if status == 400:
        code = sanitise(str(body.get("code") or status), 40)
        return RemoteError("bad_answer", f"{target.url} refuses the call ({code}).", status=status)
    return RemoteError(
        "bad_answer", f"{target.url} answers {status}, which says nothing.", was_answered=False, status=status
    )


GATEWAY_STATUSES = (502, 503, 504)
"""The site itself was not reached, or is busy: nothing is said of the content."""


def _batch_failed(error: RemoteError) -> BatchFailed:
    status = error.status
    is_about_content = status in (400, 413) or (status >= 500 and status not in GATEWAY_STATUSES)
    return BatchFailed(
        code=error.code,
        message=error.message,
        is_permanent=error.is_permanent or error.is_not_a_site,
        counts_as_attempt=status not in (413, 429),
        halving="at once" if is_about_content else "next time" if error.code == "timeout" else "never",
        was_answered=error.was_answered,
        is_about_content=is_about_content or status in (200, 404),
        retry_after_seconds=error.retry_after_seconds,
    )
