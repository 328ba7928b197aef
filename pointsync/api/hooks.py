"""`POST /hooks/woocommerce/{token}`: WooCommerce webhooks, checked, and stored before they are answered."""

import base64
import logging
import re
from typing import Any

import msgspec
from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from pointsync import clock, crypto, db
from pointsync.api import errors
from pointsync.api.responses import json_response
from pointsync.crypto import WrongSecretKey
from pointsync.runtime import get_runtime
from pointsync.web.rate_limit import count_failure
from pointsync.woocommerce import hooks
from pointsync.woocommerce.outcome import HookOutcome
from pointsync.woocommerce.receive import receive_delivery

WEBHOOK_MAX_BODY_BYTES = 1024 * 1024

_PING = re.compile(rb"webhook_id=[0-9]{1,19}\Z")
_UNKNOWN_HOOK = "There is no hook at this address. Copy its URL again from the panel or from pointsync hook list."
_CANNOT_DECRYPT = (
    "This site cannot decrypt the secret of this hook, because POINTSYNC_SECRET_KEY has changed since the secret was "
    "saved. Set the earlier key again, or remove the hook and add it again."
)
_BAD_SIGNATURE = "The signature is missing or wrong. Enter the secret of this hook in the shop's webhook."

log = logging.getLogger(__name__)

blueprint = Blueprint("hooks", __name__, url_prefix="/hooks")
errors.register(blueprint)


@blueprint.post("/woocommerce/<token>")
def receive_webhook(token: str) -> ResponseReturnValue:
    """Record a delivery. Answers 404 for an unknown hook, 401 for a wrong signature, 503 if this site cannot read
    the hook's secret, else 200.

    A delivery that this site cannot use is also answered with 200: WooCommerce disables a webhook that often fails.
    """
    request.max_content_length = WEBHOOK_MAX_BODY_BYTES
    hook = hooks.find(db.session(), token)
    if hook is None:
        raise NotFound(_UNKNOWN_HOOK)
    try:
        secret = get_runtime().vault.decrypt(hook.sealed_secret)
    except WrongSecretKey:
        log.error("hook %s: %s", hook.name, _CANNOT_DECRYPT)
        return errors.error_response(503, "wrong_secret", _CANNOT_DECRYPT)
    raw = request.get_data(parse_form_data=False)
    if _is_ping(raw):
        return json_response({"outcome": "ping", "message": "The hook exists."})
    if not _is_signed(raw, secret):
        count_failure("hook signature")
        return errors.error_response(401, "bad_signature", _BAD_SIGNATURE)
    result = _record_webhook(token, _decode_json(raw))
    if result is None:
        raise NotFound(_UNKNOWN_HOOK)
    get_runtime().wake_couriers()
    return json_response({"outcome": result.status, "message": result.message})


def _record_webhook(token: str, body: Any) -> HookOutcome | None:
    """Record the delivery and commit; None if the hook was removed in the meantime."""
    now = clock.now()
    topic = request.headers.get("X-WC-Webhook-Topic", "")
    shop = request.headers.get("X-WC-Webhook-Source", "")

    def record(session: Any) -> HookOutcome | None:
        hook = hooks.find(session, token, for_update=True)
        return receive_delivery(session, hook, topic=topic, shop=shop, body=body, now=now) if hook else None

    return db.run_in_transaction(record)


def _is_ping(raw: bytes) -> bool:
    """Whether this is the unsigned ping that WooCommerce sends when a webhook is saved."""
    return (
        "X-WC-Webhook-Signature" not in request.headers
        and request.mimetype == "application/x-www-form-urlencoded"
        and _PING.match(raw) is not None
    )


def _is_signed(raw: bytes, secret: str) -> bool:
    """Whether the header is the base64 of the raw body's HMAC-SHA256 with the hook's secret."""
    expected = base64.b64encode(crypto.sign_hmac(secret, raw))
    return crypto.is_equal_constant_time(expected, request.headers.get("X-WC-Webhook-Signature", "").strip())


def _decode_json(raw: bytes) -> Any:
    """The decoded body; None if it is not valid JSON."""
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return None
