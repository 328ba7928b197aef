"""The PointSync dialect as a server: every call signed by somebody who knows our Pass, every answer by us."""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from flask import Blueprint, Response, g, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge, TooManyRequests

import pointsync
from pointsync import clock, crypto, db, ids
from pointsync.errors import Refused
from pointsync.ledger import mail_queue, reserves
from pointsync.ledger.apply import Applied, Incoming, apply, have, lock_origin
from pointsync.models import Origin, Remote, Reserve
from pointsync.runtime import runtime
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.wire import WireFault
from pointsync.sync.remotes import blocked_origins
from pointsync.sync.site import catalogue, local_site, passes
from pointsync.sync.site.local_site import Identity
from pointsync.text_limits import MAX_NAME, clean, is_reserve_key
from pointsync.web import db_unavailable
from pointsync.web.rate_limit import SITE_FAILURES, count_failure

log = logging.getLogger(__name__)

blueprint = Blueprint("peer_pointsync", __name__, url_prefix=wire.PREFIX)

Body = dict[str, Any]


@blueprint.post("/ping")
def ping() -> Response:
    """Who this site is and what it knows, for a caller whose signature holds."""
    return _answer(_ping)


@blueprint.post("/movements")
def movements() -> Response:
    """Apply a batch; the answer leaves after the commit."""
    answer = _answer(_movements)
    _tell(g.applied)
    return answer


def _tell(results: list[Applied]) -> None:
    counts = Counter(each.status for each in results)
    if counts["applied"]:
        last = next(each.id for each in reversed(results) if each.status == "applied")
        fields = {"applied": counts["applied"], "sent": len(results), "movement": last}
        log.info("%(applied)s of %(sent)s movements applied, the last is %(movement)s", fields, extra=fields)
    for each in results:
        if each.status in ("refused", "conflict"):
            said = {"movement": each.id, "code": each.code}
            log.warning("movement %(movement)s of another site was not applied: %(code)s", said, extra=said)


def _ping(session: Session, identity: Identity, body: Body, now: datetime) -> Body:
    key = wire.text_field(body, "reserve")
    active = [reserve for reserve in reserves.every(session) if reserve.is_active]
    reserve = next((each for each in active if each.key == key), None)
    lists = session.scalars(
        select(Remote.auth)
        .where(Remote.deleted_at.is_(None), Remote.closing_at.is_(None))
        .distinct()
        .order_by(Remote.auth)
    )
    return {
        "site": identity.auth,
        "name": identity.name,
        "version": pointsync.__version__,
        "protocols": [wire.VERSION],
        "key": identity.public_key,
        "time": clock.to_text(now),
        "reserve": _reserve(reserve) if reserve else None,
        "reserves": [_reserve(each) for each in active],
        "sends_mails": mail_queue.is_on(session),
        **(catalogue.tell(session, reserve) if reserve else {"rewards_digest": ""}),
        "lists": list(lists),
        "max_batch": wire.MAX_BATCH,
        "have": have(session, body["from"], reserve) if reserve else None,
    }


def _movements(session: Session, identity: Identity, body: Body, now: datetime) -> Body:
    key, items = wire.text_field(body, "reserve"), body.get("movements")
    if not isinstance(items, list):
        raise WireFault(400, "malformed", "movements must be a list.")
    if len(items) > wire.MAX_BATCH:
        raise WireFault(413, "too_large", f"A batch has at most {wire.MAX_BATCH:,} movements.")
    query = select(Reserve).where(Reserve.key == key, Reserve.is_active)
    reserve = session.scalar(query) if is_reserve_key(key) else None
    if reserve is None:
        raise WireFault(404, "unknown_reserve", "No active points reserve here has that key.")
    read = [_read(item) for item in items]
    applied = iter(apply(session, body["from"], reserve, [each for each in read if isinstance(each, Incoming)], now))
    g.applied = results = [next(applied) if isinstance(each, Incoming) else each for each in read]
    return {"results": [_result(each) for each in results], "have": have(session, body["from"], reserve)}


def _read(item: object) -> Incoming | Applied:
    """A movement of a batch, or why it cannot be one."""
    said = item.get("id") if isinstance(item, dict) else None
    name = clean(said, 64) if isinstance(said, str) else ""
    try:
        movement = msgspec.convert(item, wire.Movement)
        at = clock.from_text(movement.at)
    except ValueError as error:
        return Applied(name, "refused", "malformed", clean(str(error), 200))
    if ids.parse_id(movement.id) is None:
        return Applied(name, "refused", "malformed", "The id is no positive 63-bit integer in decimals.")
    return Incoming(
        id=movement.id,
        customer=movement.customer,
        points=movement.points,
        kind=movement.kind,
        reason=movement.reason,
        at=at,
        ref=movement.ref,
        is_history=movement.history,
    )


def _answer(call: Callable[[Session, Identity, Body, datetime], Body]) -> Response:
    """Check who asks, run `call` in a transaction, sign what it answers once that is committed."""
    here, now = runtime(), clock.now()
    raw = request.get_data(cache=False)
    if len(raw) > wire.MAX_BODY_BYTES:
        raise WireFault(413, "too_large", f"A body has at most {wire.MAX_BODY_BYTES:,} bytes.")
    identity = local_site.identity(db.db.session(), here.vault, here.config, now)
    signed = wire.read_headers(request.headers, raw)  # type: ignore[arg-type]
    body, is_old = _trusted(identity, signed, raw, now)

    def work(session: Session) -> bytes | WireFault:
        origin = _known(session, body["from"], signed, now)
        if isinstance(origin, WireFault):
            return origin
        # The Pass may have been changed since the request was let in; the origin's lock keeps it from now on.
        passes.note(origin, is_old=is_old or passes.is_changed(session, identity.pass_version), now=now)
        answer = call(session, identity, body, now)
        if is_old and identity.old_pass_ends_at:
            answer["pass_ends_at"] = clock.to_text(identity.old_pass_ends_at)
        return msgspec.json.encode(answer)

    answer = db.in_write(work)
    if isinstance(answer, WireFault):
        raise answer  # only now, so that the call stays noted
    headers = wire.answer_headers(answer, signed.id, identity.private_key, now)
    return Response(answer, headers=headers, mimetype="application/json")


def _trusted(identity: Identity, signed: wire.Signed, raw: bytes, now: datetime) -> tuple[Body, bool]:
    """The body of a request that somebody who knows our Pass has signed for us, lately; whether it was the old one."""
    encoding = request.headers.get("content-encoding")
    if not crypto.same(signed.auth, identity.auth):
        _refuse_own(identity, raw, encoding)
        count_failure("site", SITE_FAILURES)
        raise WireFault(401, "unknown_auth", "No site of that Auth answers here.")
    fits = [signed.has_hmac(password) for password in identity.passes]
    if not any(fits):
        count_failure("site", SITE_FAILURES)
        raise _wrong_pass(identity, signed, now)
    if abs(signed.skew(now)) > wire.MAX_SKEW:
        raise WireFault(401, "clock_skew", "The clocks are more than 5 minutes apart.", time=clock.to_text(now))
    body = wire.read_body(raw, encoding)
    sender = wire.text_field(body, "from")
    if wire.text_field(body, "to") != identity.auth:
        raise WireFault(409, "wrong_recipient", "This request is for another site.")
    if sender == identity.auth:
        raise WireFault(409, "own_origin", "This request comes from this very site.")
    if not wire.is_for(signed.id, sender, identity.auth):
        raise WireFault(401, "bad_signature", "This request's webhook-id was made by another sender.")
    if not ids.is_auth(sender):
        raise WireFault(400, "malformed", "from must be an Auth: wrk_ and 16 hex digits.")
    return body, not fits[0]


def _wrong_pass(identity: Identity, signed: wire.Signed, now: datetime) -> WireFault:
    """The refusal. That the Pass was changed is told only to who has signed with the ended one, and just now:
    a request that somebody else has kept proves no knowledge of it."""
    is_ended = identity.ended_pass is not None and signed.has_hmac(identity.ended_pass)
    if is_ended and abs(signed.skew(now)) <= wire.MAX_SKEW:
        return WireFault(401, "bad_signature", passes.ENDED, reason=wire.ROTATED)
    return WireFault(401, "bad_signature", "The signature was not made with this site's Pass.")


def _refuse_own(identity: Identity, raw: bytes, encoding: str | None) -> None:
    """Tell ourselves apart when the wrong credentials led back here; nobody else uses our Auth."""
    try:
        sender = wire.read_body(raw, encoding).get("from")
    except WireFault:
        return
    if isinstance(sender, str) and crypto.same(sender, identity.auth):
        raise WireFault(409, "own_origin", "This request comes from this very site.")


def _known(session: Session, sender: str, signed: wire.Signed, now: datetime) -> Origin | WireFault:
    """The sender, or why it is not let in, which is told to nobody who only speaks in its name.

    Once a key is pinned, only it speaks for the origin: every site of a family knows every Pass.
    """
    _check_key(session.scalar(select(Origin.public_key).where(Origin.auth == sender)), signed)
    if code := blocked_origins.turn_away(session, sender, now):
        return WireFault(403, code, wire.TURNED_AWAY[code])
    origin = lock_origin(session, sender, now)
    _check_key(origin.public_key, signed)
    origin.last_seen_at = now
    return origin


def _check_key(key: str | None, signed: wire.Signed) -> None:
    if key and not signed.has_key(key):
        raise WireFault(401, "key_mismatch", "The request does not carry the signature of its sender's known key.")


def _reserve(reserve: Reserve) -> dict[str, str]:
    return {"key": reserve.key, "name": clean(reserve.name, MAX_NAME)}


def _result(applied: Applied) -> Body:
    optional = {"code": applied.code, "message": applied.message, "balance": applied.balance}
    return {"id": applied.id, "status": applied.status} | {
        name: value for name, value in optional.items() if value is not None
    }


@blueprint.errorhandler(WireFault)
def _fault(fault: WireFault) -> tuple[Body, int]:
    return {"error": {"code": fault.code, "message": fault.message} | fault.extra}, fault.status


def _busy(_error: Exception) -> tuple[Body, int, dict[str, str]]:
    return (
        {"error": {"code": "busy", "message": "The database is busy; send it again."}},
        503,
        {"Retry-After": "1"},
    )


db_unavailable.register(blueprint, _busy)


@blueprint.errorhandler(RequestEntityTooLarge)
def _too_large(_error: RequestEntityTooLarge) -> tuple[Body, int]:
    return _fault(WireFault(413, "too_large", f"A body has at most {wire.MAX_BODY_BYTES:,} bytes."))


@blueprint.errorhandler(TooManyRequests)
def _too_many(error: TooManyRequests) -> tuple[Body, int, dict[str, str]]:
    return {"error": {"code": "too_many", "message": error.description}}, 429, {"Retry-After": str(error.retry_after)}


@blueprint.errorhandler(ClientDisconnected)
@blueprint.errorhandler(Refused)
@blueprint.errorhandler(HTTPException)
def _malformed(error: Exception) -> tuple[Body, int]:
    status = error.code if isinstance(error, HTTPException) and error.code else 400
    return {"error": {"code": "malformed" if status < 500 else "failed", "message": str(error)[:200]}}, status
