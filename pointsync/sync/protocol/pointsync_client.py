"""Calling a PointSync site: a signed request and its verified answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pointsync import clock, ids
from pointsync.crypto import is_public_key
from pointsync.net.http_client import HttpClient, HttpResponse
from pointsync.sync.protocol import envelope, wire
from pointsync.sync.protocol.errors import (
    RemoteError,
    not_a_site_message,
    pass_changed_error,
    refused_error,
    retry_later_error,
    server_error,
)
from pointsync.sync.protocol.request import Target, parse_json_object, send_request
from pointsync.sync.protocol.strange_answers import in_between_error, redirect_error
from pointsync.sync.site import runs, stamps
from pointsync.sync.site.local_site import Identity

MIN_COMPRESSED_BYTES = 1024
MIN_CLOCK_OFFSET_SECONDS = 240
"""The other site accepts our own time when the clocks are nearer than that, so smaller offsets are ignored."""
MAX_CLOCK_OFFSET_SECONDS = 100 * 366 * 86_400
"""A larger offset could lead to times that `datetime` cannot represent."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A verified answer. `is_proven`: it also proves that the answering site knows the Pass."""

    body: dict[str, Any]
    signing_key: str
    """The public key that signed it."""
    is_proven: bool
    clock_offset_seconds: float


def send_signed(
    client: HttpClient, identity: Identity, target: Target, endpoint: str, content: bytes, now: datetime
) -> Reply:
    """POST a request to the target's `endpoint` and return the verified answer. Raises RemoteError.

    `content` is what the body has besides the fields that every request carries; see `envelope.encode`. A site without
    a pinned key is sent nothing but pings. If the clocks differ too much, and the other side signs its time, the
    request is sent once more, signed with that time. If the other side asks whether this site's run is still alive, it
    is sent once more with that proof. No transaction may be open.
    """
    if target.keys.pinned is None and endpoint != "ping":
        raise _unproven_error(target, None)
    clock_offset_seconds, nonce = target.clock_offset_seconds, None
    open_questions = {"clock_skew", "again"}
    while True:
        payload = envelope.encode(identity, target, content, nonce)
        signed_at = now + timedelta(seconds=clock_offset_seconds)
        message_id, response = _post(client, identity, target, endpoint, payload, signed_at)
        if response.status == 200:
            decoded, key, is_proven = _verify_response(response, message_id, identity, target)
            return Reply(decoded, key, is_proven, clock_offset_seconds)
        wire_error = _parse_error(response)
        code = wire_error.get("code")
        if code not in open_questions:
            error = _remote_error(response, wire_error, target, f"{wire.URL_PREFIX}/{endpoint}")
            if code == "behind" and identity.sending_stopped_reason:
                # It was asked without a run, so this says nothing about the state of this database.
                error.message = f"{target.url} waits until an admin has said here what this database is."
            raise error
        open_questions.remove(code)
        if code == "again":
            proven = runs.prove_alive(identity)
            nonce = _parse_nonce(wire_error) if proven.run == identity.run else None
            identity = proven
        elif _is_trusted(response, message_id, target):
            clock_offset_seconds = _clock_offset_seconds(wire_error, now)
        else:
            # Somebody could make this site sign requests that are valid at another time.
            message = (
                f"{target.url} answers that the clocks of the two sites are more than 5 minutes apart, but does not "
                "prove it. Correct the clock there or here."
            )
            raise RemoteError("clock_refused", message, status=response.status)


def _post(
    client: HttpClient, identity: Identity, target: Target, endpoint: str, payload: bytes, signed_at: datetime
) -> tuple[str, HttpResponse]:
    """The request's id and its answer, with any status. Raises RemoteError if there is none."""
    body = wire.compress(payload) if len(payload) > MIN_COMPRESSED_BYTES else payload
    headers = wire.build_request_headers(
        body, identity.auth, target.auth, target.password, identity.private_key, signed_at
    )
    if body is not payload:
        headers["content-encoding"] = "gzip"
    url = f"{target.url}{wire.URL_PREFIX}/{endpoint}"
    response = send_request(client, "POST", url, target, headers, body, is_repeatable=True)
    return headers["webhook-id"], response


def _verify_response(
    response: HttpResponse, message_id: str, identity: Identity, target: Target
) -> tuple[dict[str, Any], str, bool]:
    """The decoded body, the key that signed it, and whether the Pass is proven. Raises RemoteError.

    Without a pinned key, only an answer that proves the Pass counts: anybody can answer at a mistyped URL.
    """
    decoded = parse_json_object(response.body)
    claimed_key = (decoded or {}).get("key")
    if not isinstance(claimed_key, str) or not is_public_key(claimed_key):
        claimed_key = None
    pinned_key = target.keys.pinned
    message = _parse_signatures(response, message_id)
    # A signed answer that is not JSON any more was changed on its way.
    if not (message if decoded is None else pinned_key or claimed_key):
        raise _not_a_site_error(target, response.status)
    key = next((each for each in (pinned_key, claimed_key) if each and message and message.is_signed_by(each)), None)
    if decoded is None or message is None or key is None:
        raise RemoteError(
            "bad_answer",
            f"The answer of {target.url} is not signed by that site, so it was ignored. Something between the two "
            "sites may be changing answers.",
            was_answered=False,
            status=200,
        )
    if key == identity.public_key:  # perhaps our own request, sent back
        raise _permanent_error("own_origin", target, response.status)
    if pinned_key and key != pinned_key:
        raise RemoteError(
            "changed_key",
            f"The site at {target.url} signs with a different key than before: it was set up again, or somebody else "
            "answers in its place. Ask its admin, then accept or refuse the new key.",
            is_permanent=True,
            status=200,
            offered_key=key,
        )
    is_proven = message.has_valid_hmac(target.password)
    if pinned_key is None and (not is_proven or key == target.keys.refused):
        raise _unproven_error(target, key)
    return decoded, key, is_proven


def _parse_signatures(response: HttpResponse, message_id: str) -> wire.SignedMessage | None:
    """The signing headers of an answer to the request with this id; None if it has none."""
    try:
        message = wire.parse_headers(response.headers, response.body)
    except wire.WireError:
        return None
    return message if message.id == message_id else None


def _is_trusted(response: HttpResponse, message_id: str, target: Target) -> bool:
    """Whether an answer, which may be an error, is signed with the pinned key, or with the Pass if none is pinned."""
    message = _parse_signatures(response, message_id)
    if message is None:
        return False
    return message.is_signed_by(target.keys.pinned) if target.keys.pinned else message.has_valid_hmac(target.password)


def _unproven_error(target: Target, key: str | None) -> RemoteError:
    """No key is pinned for the target, and its answer with `key`, None if there was none, is not enough to pin it."""
    if key and key == target.keys.refused:
        message = (
            f"An admin of this site has refused the key of what answers at {target.url}, so nothing is sent there. "
            "Check the URL, or accept the key."
        )
    else:
        message = (
            f"What answers at {target.url} does not prove that it knows the Pass, so nothing is sent there. Check the "
            "URL: somebody else may answer. PointSync 0.1.0 cannot prove it: ask that site's admin for the fingerprint "
            "of its key, compare, and accept the key."
        )
    return RemoteError("unproven_key", message, is_permanent=True, offered_key=key)


def _parse_error(response: HttpResponse) -> dict[str, Any]:
    """The `error` object of an answer in this dialect; empty if it is in no dialect."""
    error = (parse_json_object(response.body) or {}).get("error")
    return error if isinstance(error, dict) and isinstance(error.get("code"), str) else {}


def _parse_nonce(error: dict[str, Any]) -> str | None:
    """The nonce to repeat; None if it is none of PointSync's."""
    nonce = error.get("nonce")
    return nonce if isinstance(nonce, str) and ids.is_run(nonce) else None


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
        "{url} knows this site by another key. Ask its admin to accept the new key there, or to add this site to "
        "Remote sites there.",
    ),
    "unknown_reserve": (
        "unknown_reserve",
        "{url} has no points reserve {reserve!r}. Choose a target reserve that exists there.",
    ),
    wire.KEY_NOT_PINNED: (
        "bad_answer",
        "{url} has not pinned this site's key. Ask its admin to add this site to Remote sites there.",
    ),
    wire.HAND_ON_NOT_ALLOWED: (
        "bad_answer",
        "{url} does not allow this site to hand on another site's movements. Ask its admin to allow it there.",
    ),
    "own_origin": (
        "this_site",
        "{url} leads back to this site. Enter the other site's URL and credentials.",
    ),
}
"""By the wire's code: the ping's code and the message."""


_REFUSED_RUNS = {
    "again": "{url} has heard from a later run of this site, and does not accept the proof that this one is alive.",
    "behind": "{url} has heard from a later state of this site, or from a copy of it, and refuses this one.",
    "twice": "{url} has heard from another running installation of this site, and refuses this one.",
}
"""By the wire's code, which is the ping's code, too. Without a proof, only this remote is stopped."""


def _remote_error(response: HttpResponse, wire_error: dict[str, Any], target: Target, path: str) -> RemoteError:
    status, code, url = response.status, wire_error.get("code"), target.url
    if code in _REFUSED_RUNS:
        stamp = stamps.parse_json(wire_error.get("stamp"))
        return RemoteError(code, _REFUSED_RUNS[code].format(url=url), is_permanent=True, status=status, stamp=stamp)
    if code == "bad_signature" and wire_error.get("reason") == wire.PASS_CHANGED:
        return pass_changed_error(url, status)
    if code in wire.REFUSAL_MESSAGES:
        return refused_error(code, url, status)
    if code in _PERMANENT_ERRORS:
        return _permanent_error(code, target, status)
    if code == "clock_skew":
        message = f"The clock of {url} differs from ours and keeps changing. Correct the clock there."
        return RemoteError("clock_refused", message, status=status)
    if status == 429:
        return retry_later_error(response, url)
    if status == 503 and code:
        return RemoteError("bad_answer", f"{url} is busy. The same is sent again later.", status=status)
    if code:
        return RemoteError("bad_answer", f"{url} refused the request ({status} {code[:40]}).", status=status)
    if status == 413:
        # A proxy may have answered, but the reason is the same.
        return RemoteError("bad_answer", f"{url} refused the request because it is too large.", status=status)
    if status >= 500:
        return server_error(status, url)
    error = redirect_error(response, url, path) or in_between_error(response, url, path)
    return error or _not_a_site_error(target, status)


def _permanent_error(code: str, target: Target, status: int) -> RemoteError:
    """The error for a key of `_PERMANENT_ERRORS`."""
    ping_code, template = _PERMANENT_ERRORS[code]
    message = template.format(url=target.url, reserve=target.reserve)
    return RemoteError(ping_code, message, is_permanent=True, status=status)


def _not_a_site_error(target: Target, status: int) -> RemoteError:
    message = not_a_site_message(target.url)
    return RemoteError("not_a_site", message, is_permanent=True, is_not_a_site=True, status=status)
