"""The server of the PointSync dialect: calls are signed with this site's Pass, answers with its key."""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from flask import Blueprint, Response, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge, TooManyRequests

import pointsync
from pointsync import clock, crypto, db, ids
from pointsync.errors import DomainError
from pointsync.ledger import mail_queue, reserves
from pointsync.ledger.apply import ApplyResult, IncomingMovement, apply, get_received_summary, lock_origin
from pointsync.models import Origin, Remote, Reserve
from pointsync.runtime import get_runtime
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.wire import WireError
from pointsync.sync.remotes import blocked_origins
from pointsync.sync.site import catalogue, local_site, passes
from pointsync.sync.site.local_site import Identity
from pointsync.text_limits import MAX_NAME_LENGTH, is_reserve_key, sanitise
from pointsync.web import db_unavailable
from pointsync.web.rate_limit import SITE_FAILURE_LIMIT, count_failure

log = logging.getLogger(__name__)

blueprint = Blueprint("peer_pointsync", __name__, url_prefix=wire.URL_PREFIX)

JsonObject = dict[str, Any]


@blueprint.post("/ping")
def ping() -> Response:
    """Answer who this site is and what it has, to a caller with a valid signature."""
    return _handle_call(_build_ping_answer)


@blueprint.post("/movements")
def movements() -> Response:
    """Apply a batch of movements. The answer is sent after the commit."""
    results: list[ApplyResult] = []

    def build_answer(session: Session, _identity: Identity, body: JsonObject, now: datetime) -> JsonObject:
        nonlocal results
        reserve, results = _apply_movements(session, body, now)
        return {
            "results": [_result_json(each) for each in results],
            "have": get_received_summary(session, body["from"], reserve),
        }

    response = _handle_call(build_answer)
    _log_results(results)
    return response


def _log_results(results: list[ApplyResult]) -> None:
    counts = Counter(each.status for each in results)
    if counts["applied"]:
        last_id = next(each.id for each in reversed(results) if each.status == "applied")
        log_fields = {"applied": counts["applied"], "sent": len(results), "movement": last_id}
        log.info("%(applied)s of %(sent)s movements applied, the last is %(movement)s", log_fields, extra=log_fields)
    for each in results:
        if each.status in ("refused", "conflict"):
            log_fields_of_one = {"movement": each.id, "code": each.code}
            log.warning(
                "movement %(movement)s of another site was not applied: %(code)s",
                log_fields_of_one,
                extra=log_fields_of_one,
            )


def _build_ping_answer(session: Session, identity: Identity, body: JsonObject, now: datetime) -> JsonObject:
    key = wire.require_text(body, "reserve")
    active = [reserve for reserve in reserves.list_all(session) if reserve.is_active]
    reserve = next((each for each in active if each.key == key), None)
    listed_auths = session.scalars(
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
        "reserve": _reserve_json(reserve) if reserve else None,
        "reserves": [_reserve_json(each) for each in active],
        "sends_mails": mail_queue.is_enabled(session),
        **(catalogue.build_ping_fields(session, reserve) if reserve else {"rewards_digest": ""}),
        "lists": list(listed_auths),
        "max_batch": wire.MAX_BATCH,
        "have": get_received_summary(session, body["from"], reserve) if reserve else None,
    }


def _apply_movements(session: Session, body: JsonObject, now: datetime) -> tuple[Reserve, list[ApplyResult]]:
    key, items = wire.require_text(body, "reserve"), body.get("movements")
    if not isinstance(items, list):
        raise WireError(400, "malformed", "movements must be a list.")
    if len(items) > wire.MAX_BATCH:
        raise WireError(413, "too_large", f"A batch has at most {wire.MAX_BATCH:,} movements.")
    query = select(Reserve).where(Reserve.key == key, Reserve.is_active)
    reserve = session.scalar(query) if is_reserve_key(key) else None
    if reserve is None:
        raise WireError(404, "unknown_reserve", "No active points reserve here has that key.")
    parsed = [_parse_movement(item) for item in items]
    applied = iter(
        apply(session, body["from"], reserve, [each for each in parsed if isinstance(each, IncomingMovement)], now)
    )
    return reserve, [next(applied) if isinstance(each, IncomingMovement) else each for each in parsed]


def _parse_movement(item: object) -> IncomingMovement | ApplyResult:
    """A movement of a batch, or its refusal if it is malformed."""
    raw_id = item.get("id") if isinstance(item, dict) else None
    clean_id = sanitise(raw_id, 64) if isinstance(raw_id, str) else ""
    try:
        movement = msgspec.convert(item, wire.Movement)
        at = clock.from_text(movement.at)
    except ValueError as error:
        return ApplyResult(clean_id, "refused", "malformed", sanitise(str(error), 200))
    if ids.parse_movement_id(movement.id) is None:
        return ApplyResult(
            clean_id, "refused", "malformed", "The id must be a positive 63-bit integer in decimal digits."
        )
    return IncomingMovement(
        id=movement.id,
        customer=movement.customer,
        points=movement.points,
        kind=movement.kind,
        reason=movement.reason,
        at=at,
        ref=movement.ref,
        is_history=movement.history,
    )


def _handle_call(build_answer: Callable[[Session, Identity, JsonObject, datetime], JsonObject]) -> Response:
    """Authenticate the caller, run `build_answer` in a transaction, and sign the answer after the commit."""
    state, now = get_runtime(), clock.now()
    raw_body = request.get_data(cache=False)
    if len(raw_body) > wire.MAX_BODY_BYTES:
        raise WireError(413, "too_large", f"A body has at most {wire.MAX_BODY_BYTES:,} bytes.")
    identity = local_site.load_identity(db.session(), state.vault, state.config, now)
    signed = wire.parse_headers(request.headers, raw_body)  # type: ignore[arg-type]
    body, is_old_pass = _authenticate(identity, signed, raw_body, now)

    def handle_in_transaction(session: Session) -> bytes | WireError:
        origin = _admit_sender(session, body["from"], signed, now)
        if isinstance(origin, WireError):
            return origin
        # The Pass may have been rotated since the call was authenticated; the origin's lock prevents that from now on.
        passes.save_use(origin, is_old_pass=is_old_pass or passes.has_changed(session, identity.pass_version), now=now)
        answer = build_answer(session, identity, body, now)
        if is_old_pass and identity.old_pass_ends_at:
            answer["pass_ends_at"] = clock.to_text(identity.old_pass_ends_at)
        return msgspec.json.encode(answer)

    answer = db.run_in_transaction(handle_in_transaction)
    if isinstance(answer, WireError):
        raise answer  # after the commit, so that the refused call is stored
    headers = wire.build_response_headers(answer, signed.id, identity.private_key, now)
    return Response(answer, headers=headers, mimetype="application/json")


def _authenticate(
    identity: Identity, signed: wire.SignedMessage, raw_body: bytes, now: datetime
) -> tuple[JsonObject, bool]:
    """The body of a recent request signed with this site's Pass, and whether it was the old Pass. Raises WireError."""
    encoding = request.headers.get("content-encoding")
    if not crypto.is_equal_constant_time(signed.auth, identity.auth):
        _refuse_own_call(identity, raw_body, encoding)
        count_failure("site", SITE_FAILURE_LIMIT)
        raise WireError(401, "unknown_auth", "This site has a different Auth.")
    pass_matches = [signed.has_valid_hmac(password) for password in identity.passes]
    if not any(pass_matches):
        count_failure("site", SITE_FAILURE_LIMIT)
        raise _wrong_pass_error(identity, signed, now)
    if abs(signed.clock_skew(now)) > wire.MAX_SKEW:
        raise WireError(401, "clock_skew", "The clocks are more than 5 minutes apart.", time=clock.to_text(now))
    body = wire.parse_body(raw_body, encoding)
    sender = wire.require_text(body, "from")
    if wire.require_text(body, "to") != identity.auth:
        raise WireError(409, "wrong_recipient", "This request is for another site.")
    if sender == identity.auth:
        raise WireError(409, "own_origin", "This request comes from this site itself.")
    if not wire.is_id_for(signed.id, sender, identity.auth):
        raise WireError(401, "bad_signature", "This request's webhook-id was made by another sender.")
    if not ids.is_auth(sender):
        raise WireError(400, "malformed", "from must be an Auth: wrk_ and 16 hex digits.")
    return body, not pass_matches[0]


def _wrong_pass_error(identity: Identity, signed: wire.SignedMessage, now: datetime) -> WireError:
    """The refusal. Only a caller that just signed with the expired Pass learns about the rotation: an old request
    may be a captured one, whose sender does not know the Pass."""
    used_expired_pass = identity.expired_pass is not None and signed.has_valid_hmac(identity.expired_pass)
    if used_expired_pass and abs(signed.clock_skew(now)) <= wire.MAX_SKEW:
        return WireError(401, "bad_signature", passes.EXPIRED_PASS_MESSAGE, reason=wire.PASS_CHANGED)
    return WireError(401, "bad_signature", "The signature was not made with this site's Pass.")


def _refuse_own_call(identity: Identity, raw: bytes, encoding: str | None) -> None:
    """Refuse a call with another site's credentials that leads back here. Raises WireError if this site sent it."""
    try:
        sender = wire.parse_body(raw, encoding).get("from")
    except WireError:
        return
    if isinstance(sender, str) and crypto.is_equal_constant_time(sender, identity.auth):
        raise WireError(409, "own_origin", "This request comes from this site itself.")


def _admit_sender(session: Session, sender: str, signed: wire.SignedMessage, now: datetime) -> Origin | WireError:
    """The sender's locked origin, or the reason why it is refused. An impostor does not learn that reason.

    Every site of a family knows every Pass, so a sender with a pinned key must sign with that key.
    """
    _require_pinned_key(session.scalar(select(Origin.public_key).where(Origin.auth == sender)), signed)
    if code := blocked_origins.refuse_origin(session, sender, now):
        return WireError(403, code, wire.REFUSAL_MESSAGES[code])
    origin = lock_origin(session, sender, now)
    _require_pinned_key(origin.public_key, signed)
    origin.last_seen_at = now
    return origin


def _require_pinned_key(key: str | None, signed: wire.SignedMessage) -> None:
    if key and not signed.is_signed_by(key):
        raise WireError(401, "key_mismatch", "The request is not signed with its sender's known key.")


def _reserve_json(reserve: Reserve) -> dict[str, str]:
    return {"key": reserve.key, "name": sanitise(reserve.name, MAX_NAME_LENGTH)}


def _result_json(applied: ApplyResult) -> JsonObject:
    optional = {"code": applied.code, "message": applied.message, "balance": applied.balance}
    return {"id": applied.id, "status": applied.status} | {
        name: value for name, value in optional.items() if value is not None
    }


@blueprint.errorhandler(WireError)
def _render_wire_error(error: WireError) -> tuple[JsonObject, int]:
    return {"error": {"code": error.code, "message": error.message} | error.extra}, error.status


def _render_busy(_error: Exception) -> tuple[JsonObject, int, dict[str, str]]:
    return (
        {"error": {"code": "busy", "message": "The database is busy; send it again."}},
        503,
        {"Retry-After": "1"},
    )


db_unavailable.register_handlers(blueprint, _render_busy)


@blueprint.errorhandler(RequestEntityTooLarge)
def _render_too_large(_error: RequestEntityTooLarge) -> tuple[JsonObject, int]:
    return _render_wire_error(WireError(413, "too_large", f"A body has at most {wire.MAX_BODY_BYTES:,} bytes."))


@blueprint.errorhandler(TooManyRequests)
def _render_too_many(error: TooManyRequests) -> tuple[JsonObject, int, dict[str, str]]:
    return {"error": {"code": "too_many", "message": error.description}}, 429, {"Retry-After": str(error.retry_after)}


@blueprint.errorhandler(ClientDisconnected)
@blueprint.errorhandler(DomainError)
@blueprint.errorhandler(HTTPException)
def _render_malformed(error: Exception) -> tuple[JsonObject, int]:
    status = error.code if isinstance(error, HTTPException) and error.code else 400
    return {"error": {"code": "malformed" if status < 500 else "failed", "message": str(error)[:200]}}, status
