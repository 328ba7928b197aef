"""The server of the PointSync dialect: calls are signed with this site's Pass, answers with its key."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from flask import Blueprint, Response, request
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge, TooManyRequests

import pointsync
from pointsync import clock, db
from pointsync.errors import DomainError
from pointsync.ledger import mail_queue, received_summary, reserves
from pointsync.ledger.apply import ApplyResult, IncomingMovement, apply
from pointsync.ledger.people.erasure import receipt_answers
from pointsync.models import Origin, Remote, Reserve
from pointsync.peer import authentication
from pointsync.peer.parse_movements import parse_movements
from pointsync.runtime import get_runtime
from pointsync.sync.comparison import changes as change_sums
from pointsync.sync.comparison import delivered, received
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.changes import UNDERSTOOD
from pointsync.sync.protocol.wire import WireError
from pointsync.sync.remotes import origin_runs, queue
from pointsync.sync.remotes.blocked_origins import is_listed
from pointsync.sync.site import catalogue, local_site, passes
from pointsync.sync.site.local_site import Identity
from pointsync.text_limits import MAX_NAME_LENGTH, is_reserve_key, sanitise
from pointsync.web import db_unavailable

log = logging.getLogger(__name__)

blueprint = Blueprint("peer_pointsync", __name__, url_prefix=wire.URL_PREFIX)

JsonObject = dict[str, Any]

# Built once, because every batch executes it.
_SELECT_RESERVE = select(Reserve).where(Reserve.key == bindparam("key"), Reserve.is_active)


@blueprint.post("/ping")
def ping() -> Response:
    """Answer who this site is and what it has, to a caller with a valid signature."""
    return handle_call(_build_ping_answer)


@blueprint.post("/movements")
def movements() -> Response:
    """Apply a batch of movements. The answer is sent after the commit."""
    results: list[ApplyResult] = []

    def build_answer(session: Session, _identity: Identity, body: JsonObject, now: datetime) -> JsonObject:
        nonlocal results
        batch = apply_movements(session, body, body["from"], parse_movements, now, is_origin_locked=True)
        results = batch.results
        summary, is_known = received_summary.load(session, body["from"], batch.reserve.id)
        if summary and is_known:
            received.compare_batch(session, summary, body.get("told"), batch.incoming, results, now)
        have = received_summary.have_json(summary, is_known)
        return {"results": results, "have": have}

    response = handle_call(build_answer, raw_member="movements")
    log_results(results)
    return response


def log_results(results: list[ApplyResult]) -> None:
    """Log how many movements were applied, and each that was not."""
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
        "understands": [UNDERSTOOD],
        "changes": change_sums.describe(session, body["from"]),
        "stamp": origin_runs.get_stamp_json(session.get_one(Origin, body["from"])),
        "have": received_summary.get_have(session, body["from"], reserve.id) if reserve else None,
        **_build_sent_fields(session, body),
        **({"erasures": receipt_answers.answer(session, body["from"], body["erasures"])} if "erasures" in body else {}),
    }


def _build_sent_fields(session: Session, body: JsonObject) -> JsonObject:
    """What this site has delivered to the caller's reserve `observed`, and how many movements wait for it."""
    observed = body.get("observed")
    if not isinstance(observed, str):
        return {}
    sent = delivered.get_sum(session, body["from"], observed)
    return {
        "told": sent.to_json() if sent else None,
        "waiting": queue.waiting_for_site(session, body["from"], observed),
    }


class AppliedBatch(NamedTuple):
    """The movements of a request, in its order: as they came in, or their refusals, and their results."""

    reserve: Reserve
    incoming: Sequence[IncomingMovement | ApplyResult]
    results: list[ApplyResult]


def apply_movements(
    session: Session,
    body: JsonObject,
    origin: str,
    parse: Callable[[msgspec.Raw], Sequence[IncomingMovement | ApplyResult]],
    now: datetime,
    *,
    is_origin_locked: bool = False,
) -> AppliedBatch:
    """Apply the movements of a request to the reserve that it names; those that `parse` refuses are not applied."""
    parsed = parse(body.get("movements") or msgspec.Raw(b"null"))
    reserve = require_reserve(session, body)
    incoming = [each for each in parsed if isinstance(each, IncomingMovement)]
    results = apply(session, origin, reserve, incoming, now, is_origin_locked=is_origin_locked)
    if len(incoming) < len(parsed):
        applied = iter(results)
        results = [next(applied) if isinstance(each, IncomingMovement) else each for each in parsed]
    return AppliedBatch(reserve, parsed, results)


def require_reserve(session: Session, body: JsonObject) -> Reserve:
    """The active reserve that a request names. Raises WireError 404."""
    key = wire.require_text(body, "reserve")
    reserve = session.scalar(_SELECT_RESERVE, {"key": key}) if is_reserve_key(key) else None
    if reserve is None:
        raise WireError(404, "unknown_reserve", "No active points reserve here has that key.")
    return reserve


def handle_call(
    build_answer: Callable[[Session, Identity, JsonObject, datetime], JsonObject],
    *,
    only_reads: bool = False,
    raw_member: str | None = None,
) -> Response:
    """Authenticate the caller, run `build_answer` in a transaction, and sign the answer after the commit.

    With `only_reads`, it runs after the transaction, because it may take long and others want to write. `raw_member` of
    the body is not decoded.
    """
    state, now = get_runtime(), clock.now()
    raw_body = request.get_data(cache=False)
    if len(raw_body) > wire.MAX_BODY_BYTES:
        raise WireError(413, "too_large", f"A body has at most {wire.MAX_BODY_BYTES:,} bytes.")
    identity = local_site.load_identity(db.session(), state.vault, state.config, now)
    signed = wire.parse_headers(request.headers, raw_body)  # type: ignore[arg-type]
    encoding = request.headers.get("content-encoding")
    used_passes = authentication.check_pass(identity, signed, now)

    def sign(answer: bytes, status: int = 200) -> Response:
        headers = wire.build_response_headers(answer, signed.id, used_passes, identity.private_key, now)
        return Response(answer, status, headers=headers, mimetype="application/json")

    if abs(signed.clock_skew(now)) > wire.MAX_SKEW:
        # Signed, because the caller signs with our time then.
        error = WireError(401, "clock_skew", "The clocks are more than 5 minutes apart.", time=clock.to_text(now))
        return sign(msgspec.json.encode(error.to_json()), error.status)
    body = authentication.parse_request(identity, signed, raw_body, encoding, raw_member)
    is_old_pass = identity.passes[0] not in used_passes

    def handle_in_transaction(session: Session) -> JsonObject | WireError:
        origin = authentication.admit_sender(session, body, signed, now)
        if isinstance(origin, WireError):
            return origin
        # The Pass may have been rotated since the call was authenticated; the origin's lock prevents that from now on.
        passes.save_use(origin, is_old_pass=is_old_pass or passes.has_changed(session, identity.pass_version), now=now)
        answer = {} if only_reads else build_answer(session, identity, body, now)
        if is_old_pass and identity.old_pass_ends_at:
            answer["pass_ends_at"] = clock.to_text(identity.old_pass_ends_at)
        return answer

    admitted = db.run_in_transaction(handle_in_transaction)
    if isinstance(admitted, WireError):
        raise admitted  # after the commit, so that the refused call is stored
    if only_reads:
        admitted |= build_answer(db.session(), identity, body, now)
    return sign(msgspec.json.encode(admitted))


def require_pinned_sender(session: Session, sender: str) -> None:
    """Refuse a request, whose signature was verified, if its sender's key is not pinned. Raises WireError."""
    if not session.scalar(select(Origin.is_key_proven).where(Origin.auth == sender)):
        raise WireError(403, wire.KEY_NOT_PINNED, "This site has not pinned the sender's key yet.")


def require_listed_sender(session: Session, body: JsonObject) -> str:
    """The sender, which must be on the list of remotes, with a pinned key. Raises WireError."""
    sender = str(body["from"])
    require_pinned_sender(session, sender)
    if not is_listed(session, sender):
        raise WireError(403, wire.NOT_LISTED, wire.REFUSAL_MESSAGES[wire.NOT_LISTED])
    return sender


def _reserve_json(reserve: Reserve) -> dict[str, str]:
    return {"key": reserve.key, "name": sanitise(reserve.name, MAX_NAME_LENGTH)}


@blueprint.errorhandler(WireError)
def _render_wire_error(error: WireError) -> tuple[JsonObject, int]:
    return error.to_json(), error.status


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
