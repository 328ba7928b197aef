"""The server of the WooRewards dialect, exactly as the add-on speaks it. All texts are part of the wire format."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException, TooManyRequests

from pointsync import clock, crypto, db, ids
from pointsync.email_address import normalise, parse
from pointsync.errors import InvalidInput, TryLater
from pointsync.ledger import customers
from pointsync.ledger.apply import IncomingMovement, apply, lock_origin
from pointsync.ledger.balances import get_current_balance
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.models import Origin, Reserve
from pointsync.runtime import get_runtime
from pointsync.sync.protocol.wire import REFUSAL_MESSAGES
from pointsync.sync.protocol.woorewards import (
    KIND_BY_ACTION,
    URL_PREFIX,
    SyncPath,
    is_reserve_key,
    parse_basic_auth,
    parse_sync_path,
)
from pointsync.sync.remotes import blocked_origins
from pointsync.sync.site import local_site, passes, settings
from pointsync.sync.site.local_site import Identity
from pointsync.text_limits import is_storable
from pointsync.web import db_unavailable
from pointsync.web.rate_limit import SITE_FAILURE_LIMIT, count_failure

blueprint = Blueprint("peer_woorewards", __name__, url_prefix=URL_PREFIX)

MAX_TRANSACTION_ID = 64
MAX_FORM_BYTES = 64 * 1024
"""Two ids and a reason. Parsing a form of 1 MB takes a second and tens of megabytes."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

Answer = tuple[Response, int]


class WordPressError(Exception):
    """A request that WordPress itself would answer with an error, in its format."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@blueprint.get("/ping/<reserve_key>")
def ping(reserve_key: str) -> Response:
    """Answer `{sync, auth, pool}`. Without credentials the reserve's name is empty."""
    if not is_reserve_key(reserve_key):
        raise _no_route_error()
    session = db.session()
    has_valid_credentials = _credentials_problem(_load_identity(session)) is None
    reserve = session.scalar(select(Reserve).where(Reserve.key == reserve_key, Reserve.is_active))
    return jsonify(
        sync="yes",
        auth="yes" if has_valid_credentials else "no",
        pool=reserve.name if has_valid_credentials and reserve else "",
    )


@blueprint.post("/sync/<rest:rest>", merge_slashes=False)
def sync(rest: str) -> Response:
    """Apply one movement. The answer is sent after the commit."""
    request.max_content_length = MAX_FORM_BYTES
    path = parse_sync_path(rest)
    if path is None:
        raise _no_route_error()
    identity = _load_identity(db.session())
    if problem := _credentials_problem(identity):
        raise WordPressError(401, "rest_forbidden", problem)
    path = _normalise_email(path)
    # The Pass may be rotated before the movement is applied. None: the old Pass was used.
    used_pass_version = identity.pass_version if _has_credentials(identity, identity.passes[0]) else None
    _require_utf8_form()
    raw_source = _require_field("source", ids.MAX_AUTH_LENGTH)
    transaction_id = _require_field("transaction_id", MAX_TRANSACTION_ID)
    reason = request.form.get("reason", "")
    now = clock.now()
    answer = db.run_in_transaction(
        lambda session: _apply_sync(session, path, raw_source, transaction_id, reason, used_pass_version, now)
    )
    if isinstance(answer, WordPressError):
        raise answer  # after the commit, so that the refused call is stored
    return jsonify(answer)


@blueprint.route("/", defaults={"rest": ""}, methods=METHODS, merge_slashes=False)
@blueprint.route("/<rest:rest>", methods=METHODS, merge_slashes=False)
def unknown_route(rest: str) -> Response:
    """Any other path or method: WordPress has no route there."""
    raise _no_route_error()


def _apply_sync(
    session: Session,
    path: SyncPath,
    raw_source: str,
    transaction_id: str,
    reason: str,
    used_pass_version: str | None,
    now: datetime,
) -> dict[str, Any] | WordPressError:
    source = ids.normalise_auth(raw_source)
    if source == _load_identity(session).auth:
        return _error_json("e409", "This request comes from this very site.", transaction_id)
    _require_no_key(session.scalar(select(Origin.public_key).where(Origin.auth == source)))
    if code := blocked_origins.refuse_origin(session, source, now):
        # As WordPress itself refuses a call: the dialect has no code for it, and another one would blame a customer
        # (e404) or a reserve (e410). The shop sees that nothing was applied and tries again.
        return WordPressError(403, "rest_forbidden", REFUSAL_MESSAGES[code])
    origin = lock_origin(session, source, now)
    _require_no_key(origin.public_key)
    current_settings = settings.read(session)
    origin.last_seen_at = now
    passes.save_use(
        origin, is_old_pass=used_pass_version is None or passes.has_changed(session, used_pass_version), now=now
    )
    held_balance = get_current_balance(session, source, transaction_id)
    if held_balance is None and source != raw_source:
        # Version 0.1.0 recorded it under the name as sent.
        held_balance = get_current_balance(session, raw_source, transaction_id)
    if held_balance is not None:
        return _success_json("s208", "This transaction was applied before.", transaction_id, held_balance)
    reserve = session.scalar(select(Reserve).where(Reserve.key == path.reserve, Reserve.is_active))
    if reserve is None:
        return _error_json("e410", "No active system uses that points reserve.", transaction_id)
    if not current_settings.create_customers and not customers.find_ids(session, [normalise(path.email)]):
        return _error_json("e404", "No user with that email.", transaction_id)
    if path.action == "set":
        fetch_back.refuse_if_running(session)
    [applied] = apply(session, source, reserve, [_to_incoming(path, transaction_id, reason)], now)
    if applied.status != "applied" or applied.balance is None:
        return _error_json("e422", applied.message or "Refused.", transaction_id)
    return _success_json("s200", "Points updated.", transaction_id, applied.balance)


def _require_no_key(key: str | None) -> None:
    """Refuse a sender with a known key: it must use the PointSync dialect, because this one has no signatures."""
    if key:
        raise WordPressError(401, "rest_forbidden", "This sender is known by its key; it must sign.")


def _to_incoming(path: SyncPath, transaction_id: str, reason: str) -> IncomingMovement:
    points = -path.points if path.action == "sub" else path.points
    return IncomingMovement(
        id=transaction_id,
        customer=path.email,
        points=0 if path.action == "set" else points,
        set_to=points if path.action == "set" else None,
        kind=KIND_BY_ACTION[path.action],
        reason=reason,
    )


def _success_json(code: str, message: str, transaction_id: str, points: int) -> dict[str, Any]:
    return {
        "status": "success",
        "status_code": code,
        "message": message,
        "transaction_id": _echo_transaction_id(transaction_id),
        "points": points,
    }


def _error_json(code: str, message: str, transaction_id: str) -> dict[str, Any]:
    return {
        "status": "error",
        "status_code": code,
        "message": message,
        "transaction_id": _echo_transaction_id(transaction_id),
    }


def _echo_transaction_id(transaction_id: str) -> int | str:
    """The id as a number, or as text if the number would be written differently."""
    is_number = transaction_id.isascii() and transaction_id.isdigit() and str(int(transaction_id)) == transaction_id
    return int(transaction_id) if is_number else transaction_id


def _load_identity(session: Session) -> Identity:
    state = get_runtime()
    return local_site.load_identity(session, state.vault, state.config, clock.now())


def _has_credentials(identity: Identity, password: str) -> bool:
    """Whether the call has this site's Auth and that Pass."""
    credentials = parse_basic_auth(request.headers.get("authorization", ""))
    if credentials is None:
        return False
    user, given_password = credentials
    is_password_right = crypto.is_equal_constant_time(given_password, password)
    return crypto.is_equal_constant_time(user, identity.auth) and is_password_right


def _credentials_problem(identity: Identity) -> str | None:
    """The message for a call without valid credentials, None for a call with them. Failures are counted and limited.

    Only a caller with the expired Pass learns about the rotation.
    """
    if any(_has_credentials(identity, password) for password in identity.passes):
        return None
    count_failure("site", SITE_FAILURE_LIMIT)
    if identity.expired_pass and _has_credentials(identity, identity.expired_pass):
        return passes.EXPIRED_PASS_MESSAGE
    return "Sorry, you are not allowed to do that."


def _require_utf8_form() -> None:
    """Refuse a form that is not UTF-8: with replacement characters, two different ids could become one."""
    raw = request.get_data()
    try:
        (unquote_to_bytes(raw) if request.mimetype == "application/x-www-form-urlencoded" else raw).decode()
    except UnicodeDecodeError as error:
        raise WordPressError(400, "rest_invalid_param", "Invalid parameter(s): the form is not UTF-8") from error


def _require_field(name: str, limit: int) -> str:
    value = request.form.get(name, "")
    if not value:
        raise WordPressError(400, "rest_missing_callback_param", f"Missing parameter(s): {name}")
    if len(value) > limit or not is_storable(value):
        raise WordPressError(400, "rest_invalid_param", f"Invalid parameter(s): {name}")
    return value


def _normalise_email(path: SyncPath) -> SyncPath:
    """`path` with its e-mail as sites send it. Raises WordPressError: no route has an impossible e-mail."""
    try:
        return replace(path, email=parse(path.email).spelling)
    except InvalidInput:
        raise _no_route_error() from None


def _no_route_error() -> WordPressError:
    return WordPressError(404, "rest_no_route", "No route was found matching the URL and request method.")


@blueprint.errorhandler(WordPressError)
def _render_wordpress_error(error: WordPressError) -> Answer:
    return jsonify(code=error.code, message=error.message, data={"status": error.status}), error.status


def _render_busy(_error: Exception) -> Answer:
    return _render_wordpress_error(WordPressError(503, "busy", "The database is busy; send it again."))


db_unavailable.register_handlers(blueprint, _render_busy)


@blueprint.errorhandler(TryLater)
def _render_later(error: TryLater) -> Answer:
    answer, status = _render_wordpress_error(WordPressError(503, error.code, error.message))
    answer.headers["Retry-After"] = str(error.retry_after_seconds)
    return answer, status


@blueprint.errorhandler(HTTPException)
def _render_http_error(error: HTTPException) -> Answer:
    answer, status = _render_wordpress_error(
        WordPressError(error.code or 400, "rest_error", error.description or error.name)
    )
    if isinstance(error, TooManyRequests):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer, status
