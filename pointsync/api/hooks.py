"""WooCommerce webhooks: who they are from, and that they are stored before they are answered."""

import base64
import logging
import re
from typing import Any

import msgspec
from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from pointsync import clock, crypto, db
from pointsync.api import errors
from pointsync.crypto import WrongSecretKey
from pointsync.runtime import get_runtime
from pointsync.web.rate_limit import count_failure
from pointsync.woocommerce import hooks
from pointsync.woocommerce.receive import HookOutcome, receive_delivery

MAX_BODY_BYTES = 1024 * 1024

_PING = re.compile(rb"webhook_id=[0-9]{1,19}\Z")
_UNKNOWN_HOOK = "There is no hook at this address; copy its URL again from the panel or from pointsync hook list."
_CANNOT_DECRYPT = (
    "This site cannot open the secret of this hook: its POINTSYNC_SECRET_KEY is not the one that the secret was stored "
    "with. Give that one back, or remove the hook and add it again."
)
_BAD_SIGNATURE = "The signature is missing or wrong; give the shop's webhook the secret of this hook."

log = logging.getLogger(__name__)

blueprint = Blueprint("hooks", __name__, url_prefix="/hooks")
errors.register(blueprint)


@blueprint.post("/woocommerce/<token>", provide_automatic_options=False)
def receive_webhook(token: str) -> ResponseReturnValue:
    """Take a delivery: 404 for a hook that is not there, 401 for a wrong signature, else 200 (503 when it is ours).

    What is of no use here is 200 too: the shop switches off a webhook that often fails.
    """
    request.max_content_length = MAX_BODY_BYTES
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
        return jsonify(outcome="ping", message="The hook is here.")
    if not _is_signed(raw, secret):
        count_failure("hook signature")
        return errors.error_response(401, "bad_signature", _BAD_SIGNATURE)
    result = _record_webhook(token, _decode_json(raw))
    if result is None:
        raise NotFound(_UNKNOWN_HOOK)
    get_runtime().wake_couriers()
    return jsonify(outcome=result.status, message=result.message)


def _record_webhook(token: str, body: Any) -> HookOutcome | None:
    """Record and commit; None where the hook was removed meanwhile."""
    now = clock.now()
    topic = request.headers.get("X-WC-Webhook-Topic", "")
    shop = request.headers.get("X-WC-Webhook-Source", "")

    def record(session: Any) -> HookOutcome | None:
        hook = hooks.find(session, token, for_update=True)
        return receive_delivery(session, hook, topic=topic, shop=shop, body=body, now=now) if hook else None

    return db.run_in_transaction(record)


def _is_ping(raw: bytes) -> bool:
    """Whether this is what a shop sends, unsigned, when a webhook is saved in it."""
    return (
        "X-WC-Webhook-Signature" not in request.headers
        and request.mimetype == "application/x-www-form-urlencoded"
        and _PING.match(raw) is not None
    )


def _is_signed(raw: bytes, secret: str) -> bool:
    """Whether the header holds base64 of HMAC-SHA256 over the body as it came, by the hook's secret."""
    expected = base64.b64encode(crypto.sign_hmac(secret, raw))
    return crypto.is_equal_constant_time(expected, request.headers.get("X-WC-Webhook-Signature", "").strip())


def _decode_json(raw: bytes) -> Any:
    """The body's JSON; None where it is none."""
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return None
