"""`POST /hooks/woocommerce/key`: a shop sends the key that an admin of it has agreed to give."""

import logging

import msgspec
from flask import request
from flask.typing import ResponseReturnValue

from pointsync.api.hooks import blueprint
from pointsync.api.responses import json_response
from pointsync.errors import InvalidInput, NotFound
from pointsync.web.rate_limit import count_failure
from pointsync.woocommerce.reading import key_requests

MAX_BODY_BYTES = 16 * 1024

log = logging.getLogger(__name__)


@blueprint.post("/woocommerce/key")
def receive_key() -> ResponseReturnValue:
    """Try the key at the shop that was asked for it, and store it.

    Answers 404 for an unknown, used or old state, 422 for a key that is no good. The shop deletes the key again
    unless the answer is 200.
    """
    request.max_content_length = MAX_BODY_BYTES
    try:
        body = msgspec.json.decode(request.get_data(parse_form_data=False))
    except (ValueError, RecursionError):
        raise InvalidInput("body", "The body is not valid JSON.") from None
    answer = key_requests.parse_answer(body)
    try:
        key_requests.complete(answer)
    except NotFound:
        count_failure("shop key")
        raise
    log.info("a shop has sent its key, which is stored")
    return json_response({"outcome": "stored"})
