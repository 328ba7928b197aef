"""The WooRewards dialect as a server, bit for bit as the add-on speaks it; facts in its wire's description."""

from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException, TooManyRequests

from pointsync import clock, crypto, db
from pointsync.email_address import normalise
from pointsync.errors import Invalid
from pointsync.ledger import customers
from pointsync.ledger.apply import Incoming, apply, held_points, lock_origin
from pointsync.models import Origin, Reserve
from pointsync.runtime import runtime
from pointsync.sync.protocol.wire import TURNED_AWAY
from pointsync.sync.protocol.woorewards import KINDS, ROUTE, SyncPath, is_reserve, read_basic, read_sync_path
from pointsync.sync.remotes import blocked_origins
from pointsync.sync.site import local_site, passes, settings
from pointsync.sync.site.local_site import Identity
from pointsync.text_limits import is_storable
from pointsync.web import db_unavailable
from pointsync.web.rate_limit import SITE_FAILURES, count_failure

blueprint = Blueprint("peer_woorewards", __name__, url_prefix=ROUTE)

MAX_SOURCE = 191
MAX_TRANSACTION_ID = 64
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

Answer = tuple[Response, int]


class WordPressFault(Exception):
    """A request that WordPress itself answers, in its own shape."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@blueprint.get("/ping/<reserve_key>")
def ping(reserve_key: str) -> Response:
    """`{sync, auth, pool}`; whoever has no credentials learns nothing of the reserves."""
    if not is_reserve(reserve_key):
        raise _no_route()
    session = db.db.session()
    is_trusted = _check_pass(_identity(session)) is None
    reserve = session.scalar(select(Reserve).where(Reserve.key == reserve_key, Reserve.is_active))
    return jsonify(sync="yes", auth="yes" if is_trusted else "no", pool=reserve.name if is_trusted and reserve else "")


@blueprint.post("/sync/<rest:rest>", merge_slashes=False)
def sync(rest: str) -> Response:
    """Apply one movement; the answer leaves after the commit."""
    path = read_sync_path(rest)
    if path is None or not _is_email(path.email):
        raise _no_route()
    identity = _identity(db.db.session())
    if refusal := _check_pass(identity):
        raise WordPressFault(401, "rest_forbidden", refusal)
    # What the Pass is when the movement is applied may be another one; None: the old one was used.
    used = identity.pass_version if _carries(identity, identity.passes[0]) else None
    _check_text()
    source = _field("source", MAX_SOURCE)
    transaction_id = _field("transaction_id", MAX_TRANSACTION_ID)
    reason = request.form.get("reason", "")
    now = clock.now()
    answer = db.in_write(lambda session: _sync(session, path, source, transaction_id, reason, used, now))
    if isinstance(answer, WordPressFault):
        raise answer  # only now, so that the call stays noted
    return jsonify(answer)


@blueprint.route("/", defaults={"rest": ""}, methods=METHODS, merge_slashes=False)
@blueprint.route("/<rest:rest>", methods=METHODS, merge_slashes=False)
def elsewhere(rest: str) -> Response:
    """Any other path, and any other method: WordPress knows no route there."""
    raise _no_route()


def _sync(
    session: Session, path: SyncPath, source: str, transaction_id: str, reason: str, used: str | None, now: datetime
) -> dict[str, Any] | WordPressFault:
    if source.lower() == _identity(session).auth:
        return _error("e409", "This request comes from this very site.", transaction_id)
    _check_keyless(session.scalar(select(Origin.public_key).where(Origin.auth == source)))
    if code := blocked_origins.turn_away(session, source, now):
        # As WordPress itself refuses: none of the codes of this wire says so, and each would blame something else,
        # a customer (e404) or a reserve (e410). The shop takes it for not done, and tries again.
        return WordPressFault(403, "rest_forbidden", TURNED_AWAY[code])
    origin = lock_origin(session, source, now)
    _check_keyless(origin.public_key)
    known = settings.read(session)
    origin.last_seen_at = now
    passes.note(origin, is_old=used is None or passes.is_changed(session, used), now=now)
    held = held_points(session, source, transaction_id)
    if held is not None:
        return _done("s208", "This transaction was applied before.", transaction_id, held)
    reserve = session.scalar(select(Reserve).where(Reserve.key == path.reserve, Reserve.is_active))
    if reserve is None:
        return _error("e410", "No active system uses that points reserve.", transaction_id)
    if not known.create_customers and not customers.existing(session, [normalise(path.email)]):
        return _error("e404", "No user with that email.", transaction_id)
    [applied] = apply(session, source, reserve, [_incoming(path, transaction_id, reason)], now)
    if applied.status != "applied" or applied.balance is None:
        return _error("e422", applied.message or "Refused.", transaction_id)
    return _done("s200", "Points updated.", transaction_id, applied.balance)


def _check_keyless(key: str | None) -> None:
    """Raises WordPressFault. This dialect carries no signature of the sender: whoever has a key speaks the other."""
    if key:
        raise WordPressFault(401, "rest_forbidden", "This sender is known by its key; it must sign.")


def _incoming(path: SyncPath, transaction_id: str, reason: str) -> Incoming:
    points = -path.points if path.action == "sub" else path.points
    return Incoming(
        id=transaction_id,
        customer=path.email,
        points=0 if path.action == "set" else points,
        set_to=points if path.action == "set" else None,
        kind=KINDS[path.action],
        reason=reason,
    )


def _done(code: str, message: str, transaction_id: str, points: int) -> dict[str, Any]:
    return {
        "status": "success",
        "status_code": code,
        "message": message,
        "transaction_id": _echo(transaction_id),
        "points": points,
    }


def _error(code: str, message: str, transaction_id: str) -> dict[str, Any]:
    return {
        "status": "error",
        "status_code": code,
        "message": message,
        "transaction_id": _echo(transaction_id),
    }


def _echo(transaction_id: str) -> int | str:
    """The number that it is, or the text where a number would not read the same."""
    is_number = transaction_id.isascii() and transaction_id.isdigit() and str(int(transaction_id)) == transaction_id
    return int(transaction_id) if is_number else transaction_id


def _identity(session: Session) -> Identity:
    here = runtime()
    return local_site.identity(session, here.vault, here.config, clock.now())


def _carries(identity: Identity, password: str) -> bool:
    """Whether the call carries our Auth and that Pass."""
    credentials = read_basic(request.headers.get("authorization", ""))
    if credentials is None:
        return False
    user, typed = credentials
    is_it = crypto.same(typed, password)
    return crypto.same(user, identity.auth) and is_it


def _check_pass(identity: Identity) -> str | None:
    """Why a call without our Auth and Pass is refused; None for one with them. A failure is counted.

    Who has no credentials may not go on asking. That the Pass was changed is told to who knows the old one.
    """
    if any(_carries(identity, password) for password in identity.passes):
        return None
    count_failure("site", SITE_FAILURES)
    if identity.ended_pass and _carries(identity, identity.ended_pass):
        return passes.ENDED
    return "Sorry, you are not allowed to do that."


def _check_text() -> None:
    """Raises WordPressFault where the form is not UTF-8: read all the same, two ids could become one."""
    raw = request.get_data()
    try:
        (unquote_to_bytes(raw) if request.mimetype == "application/x-www-form-urlencoded" else raw).decode()
    except UnicodeDecodeError as error:
        raise WordPressFault(400, "rest_invalid_param", "Invalid parameter(s): the form is not UTF-8") from error


def _field(name: str, limit: int) -> str:
    value = request.form.get(name, "")
    if not value:
        raise WordPressFault(400, "rest_missing_callback_param", f"Missing parameter(s): {name}")
    if len(value) > limit or not is_storable(value):
        raise WordPressFault(400, "rest_invalid_param", f"Invalid parameter(s): {name}")
    return value


def _is_email(text: str) -> bool:
    try:
        normalise(text)
    except Invalid:
        return False
    return True


def _no_route() -> WordPressFault:
    return WordPressFault(404, "rest_no_route", "No route was found matching the URL and request method.")


@blueprint.errorhandler(WordPressFault)
def _fault(fault: WordPressFault) -> Answer:
    return jsonify(code=fault.code, message=fault.message, data={"status": fault.status}), fault.status


def _busy(_error: Exception) -> Answer:
    return _fault(WordPressFault(503, "busy", "The database is busy; send it again."))


db_unavailable.register(blueprint, _busy)


@blueprint.errorhandler(HTTPException)
def _http(error: HTTPException) -> Answer:
    answer, status = _fault(WordPressFault(error.code or 400, "rest_error", error.description or error.name))
    if isinstance(error, TooManyRequests):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer, status
