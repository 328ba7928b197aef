"""`POST /hooks/woocommerce/{token}`: WooCommerce webhooks, checked, and stored before they are answered."""

import base64
import errno
import logging
import re
from tempfile import SpooledTemporaryFile
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from pointsync import clock, crypto, db, whole_number
from pointsync.api import errors
from pointsync.api.responses import json_response
from pointsync.crypto import WrongSecretKey
from pointsync.runtime import get_runtime
from pointsync.web.rate_limit import count_failure
from pointsync.web.upload_limits import MAX_BODY_BYTES, MAX_ORDERS_BODY_BYTES, large_body_turn
from pointsync.woocommerce import hooks
from pointsync.woocommerce.outcome import HookOutcome
from pointsync.woocommerce.receive import receive_delivery

READ_AT_ONCE_BYTES = 64 * 1024
MAX_PING_BYTES = 64

_PING = re.compile(rb"webhook_id=[0-9]{1,19}\Z")
_UNKNOWN_HOOK = "There is no hook at this address. Copy its URL again from the panel or from pointsync hook list."
_CANNOT_DECRYPT = (
    "This site cannot decrypt the secret of this hook, because POINTSYNC_SECRET_KEY has changed since the secret was "
    "saved. Set the earlier key again, or remove the hook and add it again."
)
_BAD_SIGNATURE = "The signature is missing or wrong. Enter the secret of this hook in the shop's webhook."

_TOO_LARGE = "The delivery is too large. A hook accepts at most 8 MB."
_DISK_FULL = "The disk of this site's server is full, so the delivery was not recorded. Free up space."

log = logging.getLogger(__name__)

blueprint = Blueprint("hooks", __name__, url_prefix="/hooks")
errors.register(blueprint)


@blueprint.post("/woocommerce/<token>")
def receive_webhook(token: str) -> ResponseReturnValue:
    """Record a delivery. Answers 404 for an unknown hook, 401 for a wrong signature, 503 if this site cannot read
    the hook's secret, else 200.

    A delivery that this site cannot use is also answered with 200: WooCommerce disables a webhook that often fails.
    """
    hook = hooks.find(db.session(), token)
    if hook is None:
        raise NotFound(_UNKNOWN_HOOK)
    try:
        secret = get_runtime().vault.decrypt(hook.sealed_secret)
    except WrongSecretKey:
        log.error("hook %s: %s", hook.name, _CANNOT_DECRYPT)
        return errors.error_response(503, "wrong_secret", _CANNOT_DECRYPT)
    if (request.content_length or 0) > MAX_ORDERS_BODY_BYTES:
        return errors.error_response(413, "too_large", _TOO_LARGE)
    request.max_content_length = MAX_ORDERS_BODY_BYTES + 1  # the last byte would look like one too many
    # Above this size it is on the disk, since nobody knows yet who sends it.
    with SpooledTemporaryFile(max_size=MAX_BODY_BYTES) as body:
        try:
            signature = _receive_body(body, secret)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            return errors.error_response(507, "disk_full", _DISK_FULL)
        if body.tell() > MAX_ORDERS_BODY_BYTES:
            return errors.error_response(413, "too_large", _TOO_LARGE)
        if _is_ping(body):
            return json_response({"outcome": "ping", "message": "The hook exists."})
        if not crypto.is_equal_constant_time(signature, request.headers.get("X-WC-Webhook-Signature", "").strip()):
            count_failure("hook signature")
            return errors.error_response(401, "bad_signature", _BAD_SIGNATURE)
        result = _record_body(token, body)
    if result is None:
        raise NotFound(_UNKNOWN_HOOK)
    get_runtime().wake_couriers()
    return json_response({"outcome": result.status, "message": result.message})


@blueprint.get("/woocommerce/<token>")
def show_hook(token: str) -> ResponseReturnValue:
    """Say whether there is a hook: to people who open its URL, and to the server before it receives a large body."""
    if hooks.find(db.session(), token) is None:
        raise NotFound(_UNKNOWN_HOOK)
    return json_response(
        {"message": "This is the delivery URL of a hook. WooCommerce sends its webhooks here by POST."}
    )


def _receive_body(body: SpooledTemporaryFile[bytes], secret: str) -> bytes:
    """Write the request's body to `body`. Return its signature: the base64 of its HMAC-SHA256 with the secret."""
    hmac = crypto.start_hmac(secret)
    while part := request.stream.read(READ_AT_ONCE_BYTES):
        hmac.update(part)
        body.write(part)
    return base64.b64encode(hmac.digest())


def _record_body(token: str, body: SpooledTemporaryFile[bytes]) -> HookOutcome | None:
    """Decode and record a signed body. Large ones one after the other: decoded, they take ten times as much memory."""
    with large_body_turn(body.tell()):
        body.seek(0)
        return _record_webhook(token, _decode_json(body.read()))


def _record_webhook(token: str, body: Any) -> HookOutcome | None:
    """Record the delivery and commit; None if the hook was removed in the meantime."""
    now = clock.now()
    topic = request.headers.get("X-WC-Webhook-Topic", "")
    shop = request.headers.get("X-WC-Webhook-Source", "")

    def record(session: Any) -> HookOutcome | None:
        hook = hooks.find(session, token, for_update=True)
        return receive_delivery(session, hook, topic=topic, shop=shop, body=body, now=now) if hook else None

    return db.run_in_transaction(record)


def _is_ping(body: SpooledTemporaryFile[bytes]) -> bool:
    """Whether this is the unsigned ping that WooCommerce sends when a webhook is saved."""
    if (
        "X-WC-Webhook-Signature" in request.headers
        or request.mimetype != "application/x-www-form-urlencoded"
        or body.tell() > MAX_PING_BYTES
    ):
        return False
    body.seek(0)
    return _PING.match(body.read()) is not None


def _decode_json(raw: bytes) -> Any:
    """The decoded body; None if it is not valid JSON."""
    try:
        return whole_number.decode_json(raw)
    except (ValueError, RecursionError):
        return None
