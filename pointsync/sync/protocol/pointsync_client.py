"""Speaking the PointSync dialect to a remote: one signed question, one verified answer, or a Trouble."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from pointsync import clock
from pointsync.crypto import is_public_key
from pointsync.net.http_client import HttpCallError, HttpClient, HttpResponse, PermanentCallError
from pointsync.sync.protocol import wire
from pointsync.sync.site.local_site import Identity

MAX_RETRY_AFTER_SECONDS = 10**9
MIN_CLOCK_OFFSET_SECONDS = 240
"""Nearer than that, another site takes our own time: no clock agrees to the millisecond."""
MAX_CLOCK_OFFSET_SECONDS = 100 * 366 * 86_400
"""A clock further off names moments that cannot be reckoned with."""


class RemoteError(Exception):
    """Why a call came to nothing, in the ping's codes and a sentence that says where to mend it.

    `is_permanent`: waiting cannot mend it. `was_answered`: the other side has answered, so it is known
    that nothing was applied. `is_foreign`: something answered, but no PointSync. `offered_key`: another
    public key than the pinned one has signed the answer.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        is_permanent: bool = False,
        was_answered: bool = True,
        is_not_a_site: bool = False,
        status: int = 0,
        retry_after_seconds: float | None = None,
        offered_key: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.is_permanent = is_permanent
        self.was_answered = was_answered
        self.is_not_a_site = is_not_a_site
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.offered_key = offered_key


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to call and how: a line of the Remote sites list, or one that an admin is typing."""

    url: str
    auth: str
    password: str
    reserve: str
    query_template: str
    dialect: str | None = None
    pinned_key: str | None = None
    clock_offset_seconds: float = 0.0
    connection_key: object = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A verified answer; `key` is the one that signed it."""

    body: dict[str, Any]
    signing_key: str
    clock_offset_seconds: float


def send_request(
    client: HttpClient, method: str, url: str, target: Target, headers: dict[str, str], body: bytes | None
) -> HttpResponse:
    """The answer of `url`, whatever it says. Raises Trouble when there is none."""
    try:
        return client.send(method, url, headers=headers, body=body, connection_key=target.connection_key)
    except HttpCallError as failure:
        raise RemoteError(
            failure.code,
            failure.message,
            is_permanent=isinstance(failure, PermanentCallError),
            was_answered=not failure.was_sent,
        ) from failure


def send_signed(
    client: HttpClient, identity: Identity, target: Target, endpoint: str, payload: bytes, now: datetime
) -> Reply:
    """POST `content`, JSON, to the target's `call`; the answer, verified. Raises Trouble.

    Where the clocks are apart, the question is asked once more, signed by the other side's clock.
    """
    clock_offset_seconds = target.clock_offset_seconds
    body = wire.compress(payload) if len(payload) > 1024 else payload
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
    decoded = parse_json_object(response.body)
    if decoded is None:
        raise RemoteError("not_a_site", _not_a_site_message(target, response), is_not_a_site=True, status=200)
    claimed_key = decoded.get("key")
    key = target.pinned_key or (claimed_key if isinstance(claimed_key, str) and is_public_key(claimed_key) else None)
    if key is None:
        raise RemoteError("not_a_site", _not_a_site_message(target, response), is_not_a_site=True, status=200)
    if _is_signed_by(response, message_id, key):
        return decoded, key
    if (
        target.pinned_key
        and isinstance(claimed_key, str)
        and is_public_key(claimed_key)
        and _is_signed_by(response, message_id, claimed_key)
    ):
        raise RemoteError(
            "changed_key",
            f"The site at {target.url} speaks with another key than before: it was set up anew, or somebody else "
            "answers in its place. Ask its admin, and then accept the new key or refuse it.",
            is_permanent=True,
            status=200,
            offered_key=claimed_key,
        )
    raise RemoteError(
        "bad_answer",
        f"The answer of {target.url} does not carry that site's signature, so it was not believed; something "
        "between the two sites may change answers.",
        was_answered=False,
        status=200,
    )


def _is_signed_by(response: HttpResponse, message_id: str, key: str) -> bool:
    try:
        message = wire.parse_headers(response.headers, response.body)
    except wire.WireError:
        return False
    return message.id == message_id and message.is_signed_by(key)


def parse_json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in `body`; None where there is none."""
    try:
        decoded = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else None


def _parse_error(response: HttpResponse) -> dict[str, Any]:
    """The `error` of an answer in this dialect; empty where the answer is in none."""
    error = (parse_json_object(response.body) or {}).get("error")
    return error if isinstance(error, dict) and isinstance(error.get("code"), str) else {}


def _clock_offset_seconds(error: dict[str, Any], now: datetime) -> float:
    """How far the other clock is ahead, in seconds; 0 where that is too little, or too much, to reckon with."""
    try:
        seconds = (clock.from_text(str(error.get("time"))) - now).total_seconds()
    except ValueError:
        return 0.0
    return seconds if MIN_CLOCK_OFFSET_SECONDS <= abs(seconds) <= MAX_CLOCK_OFFSET_SECONDS else 0.0


_PERMANENT_ERRORS = {
    "unknown_auth": (
        "other_site",
        "Another site than the one in Auth. answers at {url}: check URL and Auth. there.",
    ),
    "wrong_recipient": (
        "other_site",
        "Another site than the one in Auth. answers at {url}: check URL and Auth.",
    ),
    "bad_signature": (
        "bad_credentials",
        "{url} refuses the Pass.: copy the Pass. again from its Local site information.",
    ),
    "key_mismatch": (
        "changed_key",
        "{url} knows this site by another key: its admin must accept the new one there.",
    ),
    "not_listed": (
        "not_listed",
        "{url} accepts only listed sites: its admin must add this site to its Remote sites.",
    ),
    "blocked": ("blocked", "The admin of {url} has blocked this site: ask there."),
    "unknown_reserve": (
        "unknown_reserve",
        "{url} has no points reserve {reserve!r}: pick one that exists there.",
    ),
    "own_origin": (
        "this_site",
        "{url} leads back to this very site: type the other site's URL and credentials.",
    ),
}


def _remote_error(response: HttpResponse, wire_error: dict[str, Any], target: Target) -> RemoteError:
    status, code = response.status, wire_error.get("code")
    if code == "bad_signature" and wire_error.get("reason") == wire.PASS_CHANGED:
        return RemoteError("bad_credentials", pass_changed_message(target), is_permanent=True, status=status)
    if code in _PERMANENT_ERRORS:
        name, template = _PERMANENT_ERRORS[code]
        message = template.format(url=target.url, reserve=target.reserve)
        return RemoteError(name, message, is_permanent=True, status=status)
    if code == "clock_skew":
        return RemoteError(
            "clock_skew",
            f"The clock of {target.url} is far from ours and does not hold still.",
            status=status,
        )
    if status in (429, 503) and code:
        return RemoteError(
            "bad_answer",
            f"{target.url} is busy and asks to come back later.",
            status=status,
            retry_after_seconds=parse_retry_after(response) if status == 429 else None,
        )
    if code:
        return RemoteError("bad_answer", f"{target.url} answers {status} {code[:40]}.", status=status)
    if status == 413:
        # A proxy's page, too, says only that the call was too large for it.
        return RemoteError("bad_answer", f"{target.url} takes no call of that size.", status=status)
    if status == 429:
        retry_after_seconds = parse_retry_after(response)
        return RemoteError(
            "bad_answer",
            f"{target.url} asks to come back later.",
            status=status,
            retry_after_seconds=retry_after_seconds,
        )
    if status >= 500:
        message = f"{target.url} answers with an error of its own ({status}); look at that server."
        return RemoteError("bad_answer", message, status=status, was_answered=False)
    return RemoteError("not_a_site", _not_a_site_message(target, response), is_not_a_site=True, status=status)


def refused_error(code: str, target: Target, status: int) -> RemoteError:
    """What is told where that site lets this one in no more: `code` is one of `wire.TURNED_AWAY`."""
    name, template = _PERMANENT_ERRORS[code]
    return RemoteError(name, template.format(url=target.url), is_permanent=True, status=status)


def pass_changed_message(target: Target) -> str:
    """What is told where the Pass was changed there: our words, since nobody has signed those of a refusal."""
    return (
        f"{target.url} has changed its Pass., and the old one has ended: ask its admin for the new sharing key, "
        "and paste it into this line."
    )


def _not_a_site_message(target: Target, response: HttpResponse) -> str:
    if 300 <= response.status < 400:
        location = response.headers.get("location", "")[:200]
        printable_location = "".join(letter for letter in location if letter.isascii() and letter.isprintable())
        return f"{target.url} sends the call elsewhere ({printable_location}): type the address that it leads to."
    return f"{target.url} was reached, but neither PointSync nor WooRewards answers there: check the URL."


def parse_retry_after(response: HttpResponse) -> float | None:
    """The seconds that a Retry-After asks for, given as such or as a date; None where it says nothing."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_RETRY_AFTER_SECONDS)
    try:
        retry_at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((retry_at - clock.now()).total_seconds(), 0.0) if retry_at.tzinfo else None
