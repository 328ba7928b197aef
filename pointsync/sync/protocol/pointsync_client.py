"""Calling a PointSync site: a signed request and its verified answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pointsync import clock
from pointsync.crypto import is_public_key
from pointsync.net.http_client import HttpClient, HttpResponse
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.errors import (
    RemoteError,
    not_a_site_message,
    pass_changed_error,
    refused_error,
    retry_later_error,
    server_error,
)
from pointsync.sync.protocol.request import Target, parse_json_object, send_request
from pointsync.sync.site.local_site import Identity

MIN_COMPRESSED_BYTES = 1024
MIN_CLOCK_OFFSET_SECONDS = 240
"""The other site accepts our own time when the clocks are nearer than that, so smaller offsets are ignored."""
MAX_CLOCK_OFFSET_SECONDS = 100 * 366 * 86_400
"""A larger offset could lead to times that `datetime` cannot represent."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A verified answer; `signing_key` is the public key that signed it."""

    body: dict[str, Any]
    signing_key: str
    clock_offset_seconds: float


def send_signed(
    client: HttpClient, identity: Identity, target: Target, endpoint: str, payload: bytes, now: datetime
) -> Reply:
    """POST `payload`, which is JSON, to the target's `endpoint` and return the verified answer. Raises RemoteError.

    If the clocks differ too much, the request is sent once more, signed with the other side's time.
    """
    clock_offset_seconds = target.clock_offset_seconds
    body = wire.compress(payload) if len(payload) > MIN_COMPRESSED_BYTES else payload
    for is_last_try in (False, True):
        signed_at = now + timedelta(seconds=clock_offset_seconds)
        headers = wire.build_request_headers(
            body, identity.auth, target.auth, target.password, identity.private_key, signed_at
        )
        if body is not payload:
            headers["content-encoding"] = "gzip"
        response = send_request(client, "POST", f"{target.url}{wire.URL_PREFIX}/{endpoint}", target, headers, body)
        if response.status == 200:
            decoded, key = _verify_response(response, headers["webhook-id"], target)
            return Reply(decoded, key, clock_offset_seconds)
        wire_error = _parse_error(response)
        if wire_error.get("code") != "clock_skew" or is_last_try:
            break
        clock_offset_seconds = _clock_offset_seconds(wire_error, now)
    raise _remote_error(response, wire_error, target)


def _verify_response(response: HttpResponse, message_id: str, target: Target) -> tuple[dict[str, Any], str]:
    """The decoded body and the key that signed it. Raises RemoteError."""
    decoded = parse_json_object(response.body)
    claimed_key = (decoded or {}).get("key")
    if not isinstance(claimed_key, str) or not is_public_key(claimed_key):
        claimed_key = None
    key = target.pinned_key or claimed_key
    if decoded is None or key is None:
        raise _not_a_site_error(response, target)
    if _is_signed_by(response, message_id, key):
        return decoded, key
    if target.pinned_key and claimed_key and _is_signed_by(response, message_id, claimed_key):
        raise RemoteError(
            "changed_key",
            f"The site at {target.url} signs with a different key than before: it was set up again, or somebody else "
            "answers in its place. Ask its admin, then accept or refuse the new key.",
            is_permanent=True,
            status=200,
            offered_key=claimed_key,
        )
    raise RemoteError(
        "bad_answer",
        f"The answer of {target.url} is not signed by that site, so it was ignored. Something between the two sites "
        "may be changing answers.",
        was_answered=False,
        status=200,
    )


def _is_signed_by(response: HttpResponse, message_id: str, key: str) -> bool:
    try:
        message = wire.parse_headers(response.headers, response.body)
    except wire.WireError:
        return False
    return message.id == message_id and message.is_signed_by(key)


def _parse_error(response: HttpResponse) -> dict[str, Any]:
    """The `error` object of an answer in this dialect; empty if it is in no dialect."""
    error = (parse_json_object(response.body) or {}).get("error")
    return error if isinstance(error, dict) and isinstance(error.get("code"), str) else {}


def _clock_offset_seconds(error: dict[str, Any], now: datetime) -> float:
    """How far the other clock is ahead, in seconds; 0 if the offset is too small or too large to use."""
    try:
        seconds = (clock.from_text(str(error.get("time"))) - now).total_seconds()
    except ValueError:
        return 0.0
    return seconds if MIN_CLOCK_OFFSET_SECONDS <= abs(seconds) <= MAX_CLOCK_OFFSET_SECONDS else 0.0


_OTHER_SITE = ("other_site", "{url} belongs to a different site than this Auth. Check URL and Auth.")
_PERMANENT_ERRORS = {
    "unknown_auth": _OTHER_SITE,
    "wrong_recipient": _OTHER_SITE,
    "bad_signature": (
        "bad_credentials",
        "{url} refused the Pass. Copy it again from Local site information there.",
    ),
    "key_mismatch": (
        "changed_key",
        "{url} knows this site by another key. Ask its admin to accept the new key there.",
    ),
    "unknown_reserve": (
        "unknown_reserve",
        "{url} has no points reserve {reserve!r}. Choose a target reserve that exists there.",
    ),
    "own_origin": (
        "this_site",
        "{url} leads back to this site. Enter the other site's URL and credentials.",
    ),
}
"""By the wire's code: the ping's code and the message."""


def _remote_error(response: HttpResponse, wire_error: dict[str, Any], target: Target) -> RemoteError:
    status, code, url = response.status, wire_error.get("code"), target.url
    if code == "bad_signature" and wire_error.get("reason") == wire.PASS_CHANGED:
        return pass_changed_error(url, status)
    if code in wire.REFUSAL_MESSAGES:
        return refused_error(code, url, status)
    if code in _PERMANENT_ERRORS:
        ping_code, template = _PERMANENT_ERRORS[code]
        message = template.format(url=url, reserve=target.reserve)
        return RemoteError(ping_code, message, is_permanent=True, status=status)
    if code == "clock_skew":
        message = f"The clock of {url} differs from ours and keeps changing. Correct the clock there."
        return RemoteError("clock_skew", message, status=status)
    if status == 429:
        return retry_later_error(response, url)
    if status == 503 and code:
        return RemoteError("bad_answer", f"{url} is busy. The same is sent again later.", status=status)
    if code:
        return RemoteError("bad_answer", f"{url} refused the request ({status} {code[:40]}).", status=status)
    if status == 413:
        # A proxy may have answered, but the reason is the same.
        return RemoteError("bad_answer", f"{url} refused the request because it is too large.", status=status)
    return server_error(status, url) if status >= 500 else _not_a_site_error(response, target)


def _not_a_site_error(response: HttpResponse, target: Target) -> RemoteError:
    message = not_a_site_message(target.url)
    if 300 <= response.status < 400:
        location = response.headers.get("location", "")[:200]
        printable_location = "".join(letter for letter in location if letter.isascii() and letter.isprintable())
        message = f"{target.url} redirects to {printable_location}. Enter that address instead."
    return RemoteError("not_a_site", message, is_not_a_site=True, status=response.status)
