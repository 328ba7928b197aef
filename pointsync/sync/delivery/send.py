"""Sending a batch in the remote's dialect: the one call of an attempt. No database is open meanwhile."""

from datetime import datetime
from urllib.parse import urlencode

import msgspec

from pointsync import clock
from pointsync.net.http_client import Answer, Client
from pointsync.sync.delivery.batch import Answered, Batch, Failed, Outcome, Parcel, Sent
from pointsync.sync.protocol import wire, woorewards
from pointsync.sync.protocol.ping import WOOREWARDS
from pointsync.sync.protocol.pointsync_client import (
    Target,
    Trouble,
    ask,
    decode,
    pass_changed,
    reach,
    retry_after,
    turned_away,
)
from pointsync.sync.site import passes
from pointsync.sync.site.local_site import Identity
from pointsync.text_limits import MAX_REASON, clean

ROOM_BYTES = 4096
"""Left free in a body for what stands around the movements."""


def send(client: Client, identity: Identity, batch: Batch, now: datetime) -> Outcome:
    """Make the batch's call; what came of it, never an exception of the network."""
    try:
        if batch.target.dialect == WOOREWARDS:
            return _woorewards(client, identity, batch.target, batch.parcels[0])
        return _pointsync(client, identity, batch, now)
    except Trouble as trouble:
        return _failed(trouble)


def encode(parcel: Parcel) -> bytes:
    """A parcel's movement on the wire."""
    return msgspec.json.encode(
        wire.Movement(
            id=parcel.id,
            customer=parcel.customer,
            points=parcel.points,
            kind=parcel.kind,
            reason=parcel.reason,
            at=clock.to_text(parcel.at),
            ref=parcel.ref,
            history=parcel.is_history,
        )
    )


def _pointsync(client: Client, identity: Identity, batch: Batch, now: datetime) -> Outcome:
    target = batch.target
    head = msgspec.json.encode({"from": identity.auth, "to": target.auth, "reserve": target.reserve})
    movements, room = [], wire.MAX_BODY_BYTES - ROOM_BYTES - len(head)
    for parcel in batch.parcels:
        encoded = encode(parcel)
        room -= len(encoded) + 1
        if room < 0:
            break
        movements.append(encoded)
    content = head[:-1] + b',"movements":[' + b",".join(movements) + b"]}"
    reply = ask(client, identity, target, "movements", content, now)
    results = reply.body.get("results")
    said = (
        {str(each.get("id")): each for each in results if isinstance(each, dict)} if isinstance(results, list) else {}
    )
    answers = {
        parcel.delivery_id: answer
        for parcel in batch.parcels[: len(movements)]
        if parcel.id in said and (answer := _read(said[parcel.id]))
    }
    if not answers:
        message = f"{target.url} answered without naming one of the movements; look at its version."
        return Failed("bad_answer", message, was_answered=False, is_about_content=True)
    have = reply.body.get("have")
    return Sent(len(movements), answers, have if isinstance(have, dict) else None, reply.clock_offset_seconds)


def _read(result: dict[str, object]) -> Answered | None:
    status = result.get("status")
    if status in ("applied", "duplicate"):
        return Answered("delivered")
    if status in ("conflict", "refused"):
        code = clean(str(result.get("code") or status), 32)
        return Answered("failed", code, clean(str(result.get("message") or status), 500))
    return None


def _woorewards(client: Client, identity: Identity, target: Target, parcel: Parcel) -> Outcome:
    path = woorewards.fill_template(target.template, target.reserve, parcel.customer, parcel.points)
    form = {"source": identity.auth, "transaction_id": parcel.id, "reason": parcel.reason}
    headers = {
        "authorization": woorewards.basic(target.auth, target.password),
        "accept": "application/json",
        "content-type": "application/x-www-form-urlencoded",
    }
    answer = reach(client, "POST", target.url + path, target, headers, urlencode(form).encode())
    body = decode(answer.body)
    if answer.status != 200 or body is None:
        raise _woorewards_trouble(answer, body or {}, target)
    if str(body.get("transaction_id")) != parcel.id:
        message = f"{target.url} answered about another movement than it was asked; nothing is taken from that."
        raise Trouble("bad_answer", message, was_answered=False, status=200)
    code, message = str(body.get("status_code")), clean(str(body.get("message") or ""), MAX_REASON)
    if code == "s200" or (code == "s208" and parcel.was_called):
        return Sent(1, {parcel.delivery_id: Answered("delivered")})
    if code == "s208":
        said = "It is held there already, though it was never sent: another site may use this site's Auth."
        return Sent(1, {parcel.delivery_id: Answered("failed", "unexpected_duplicate", said)})
    if code == "e404":
        return Sent(
            1, {parcel.delivery_id: Answered("unknown", "e404", message or "No customer with that e-mail there.")}
        )
    if code == "e410":
        said = f"No active system at {target.url} uses the reserve {target.reserve!r}: switch it on, or pick another."
        return Failed("unknown_reserve", said, is_permanent=True)
    if code == "e409":
        said = f"{target.url} has this site's own Auth: one of the two is a copy of the other."
        return Failed("this_site", said, is_permanent=True)
    return Sent(1, {parcel.delivery_id: Answered("failed", clean(code, 32), message or "Refused there.")})


def _woorewards_trouble(answer: Answer, body: dict[str, object], target: Target) -> Trouble:
    status = answer.status
    if status == 401 and body.get("message") == passes.ENDED:
        return Trouble("bad_credentials", pass_changed(target), is_permanent=True, status=status)
    if status == 403 and (codes := [code for code, said in wire.TURNED_AWAY.items() if said == body.get("message")]):
        return turned_away(codes[0], target, status)
    if status in (401, 403):
        message = f"{target.url} refuses Auth. and Pass.: copy both again from its Local site information."
        return Trouble("bad_credentials", message, is_permanent=True, status=status)
    if status == 404:
        message = (
            f"{target.url} knows no points sync under the Query Template: is the add-on active, is the path right?"
        )
        return Trouble("not_a_site", message, is_permanent=True, status=status)
    if status == 429:
        message = f"{target.url} asks to come back later."
        return Trouble("bad_answer", message, status=status, retry_after_seconds=retry_after(answer))
    if status == 400:
        code = clean(str(body.get("code") or status), 40)
        return Trouble("bad_answer", f"{target.url} refuses the call ({code}).", status=status)
    return Trouble(
        "bad_answer", f"{target.url} answers {status}, which says nothing.", was_answered=False, status=status
    )


GATEWAY = (502, 503, 504)
"""The site itself was not reached, or is busy: nothing is said of the content."""


def _failed(trouble: Trouble) -> Failed:
    status = trouble.status
    about_content = status in (400, 413) or (status >= 500 and status not in GATEWAY)
    return Failed(
        code=trouble.code,
        message=trouble.message,
        is_permanent=trouble.is_permanent or trouble.is_foreign,
        costs_attempt=status not in (413, 429),
        halving="at once" if about_content else "next time" if trouble.code == "timeout" else "never",
        was_answered=trouble.was_answered,
        is_about_content=about_content or status in (200, 404),
        retry_after_seconds=trouble.retry_after_seconds,
    )
