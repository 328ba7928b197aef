"""Speaking the PointSync dialect to a remote: one signed question, one verified answer, or a Trouble."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from pointsync import clock
from pointsync.crypto import is_public_key
from pointsync.net.http_client import Answer, CallFailed, Client, PermanentFailure
from pointsync.sync.protocol import wire
from pointsync.sync.site.local_site import Identity

MAX_RETRY_AFTER_SECONDS = 10**9
LEAST_OFFSET_SECONDS = 240
"""Nearer than that, another site takes our own time: no clock agrees to the millisecond."""
MOST_OFFSET_SECONDS = 100 * 366 * 86_400
"""A clock further off names moments that cannot be reckoned with."""


class Trouble(Exception):
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
        is_foreign: bool = False,
        status: int = 0,
        retry_after_seconds: float | None = None,
        offered_key: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.is_permanent = is_permanent
        self.was_answered = was_answered
        self.is_foreign = is_foreign
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
    template: str
    dialect: str | None = None
    pinned_key: str | None = None
    clock_offset_seconds: float = 0.0
    session_key: object = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A verified answer; `key` is the one that signed it."""

    body: dict[str, Any]
    key: str
    clock_offset_seconds: float


def reach(client: Client, method: str, url: str, target: Target, headers: dict[str, str], body: bytes | None) -> Answer:
    """The answer of `url`, whatever it says. Raises Trouble when there is none."""
    try:
        return client.call(method, url, headers=headers, body=body, session_key=target.session_key)
    except CallFailed as failure:
        raise Trouble(
            failure.code,
            failure.message,
            is_permanent=isinstance(failure, PermanentFailure),
            was_answered=not failure.reached,
        ) from failure


def ask(client: Client, identity: Identity, target: Target, call: str, content: bytes, now: datetime) -> Reply:
    """POST `content`, JSON, to the target's `call`; the answer, verified. Raises Trouble.

    Where the clocks are apart, the question is asked once more, signed by the other side's clock.
    """
    offset = target.clock_offset_seconds
    body = wire.pack(content) if len(content) > 1024 else content
    for last in (False, True):
        moment = now + timedelta(seconds=offset)
        headers = wire.request_headers(body, identity.auth, target.auth, target.password, identity.private_key, moment)
        if body is not content:
            headers["content-encoding"] = "gzip"
        answer = reach(client, "POST", f"{target.url}{wire.PREFIX}/{call}", target, headers, body)
        if answer.status == 200:
            decoded, key = _verified(answer, headers["webhook-id"], target)
            return Reply(decoded, key, offset)
        error = _error_of(answer)
        if error.get("code") != "clock_skew" or last:
            break
        offset = _offset(error, now)
    raise _trouble(answer, error, target)


def _verified(answer: Answer, name: str, target: Target) -> tuple[dict[str, Any], str]:
    decoded = decode(answer.body)
    if decoded is None:
        raise Trouble("not_a_site", _foreign(target, answer), is_foreign=True, status=200)
    said = decoded.get("key")
    key = target.pinned_key or (said if isinstance(said, str) and is_public_key(said) else None)
    if key is None:
        raise Trouble("not_a_site", _foreign(target, answer), is_foreign=True, status=200)
    if _is_signed(answer, name, key):
        return decoded, key
    if target.pinned_key and isinstance(said, str) and is_public_key(said) and _is_signed(answer, name, said):
        raise Trouble(
            "changed_key",
            f"The site at {target.url} speaks with another key than before: it was set up anew, or somebody else "
            "answers in its place. Ask its admin, and then accept the new key or refuse it.",
            is_permanent=True,
            status=200,
            offered_key=said,
        )
    raise Trouble(
        "bad_answer",
        f"The answer of {target.url} does not carry that site's signature, so it was not believed; something "
        "between the two sites may change answers.",
        was_answered=False,
        status=200,
    )


def _is_signed(answer: Answer, name: str, key: str) -> bool:
    try:
        signed = wire.read_headers(answer.headers, answer.body)
    except wire.WireFault:
        return False
    return signed.id == name and signed.has_key(key)


def decode(body: bytes) -> dict[str, Any] | None:
    """The JSON object in `body`; None where there is none."""
    try:
        decoded = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else None


def _error_of(answer: Answer) -> dict[str, Any]:
    """The `error` of an answer in this dialect; empty where the answer is in none."""
    error = (decode(answer.body) or {}).get("error")
    return error if isinstance(error, dict) and isinstance(error.get("code"), str) else {}


def _offset(error: dict[str, Any], now: datetime) -> float:
    """How far the other clock is ahead, in seconds; 0 where that is too little, or too much, to reckon with."""
    try:
        seconds = (clock.from_text(str(error.get("time"))) - now).total_seconds()
    except ValueError:
        return 0.0
    return seconds if LEAST_OFFSET_SECONDS <= abs(seconds) <= MOST_OFFSET_SECONDS else 0.0


_PERMANENT = {
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


def _trouble(answer: Answer, error: dict[str, Any], target: Target) -> Trouble:
    status, code = answer.status, error.get("code")
    if code == "bad_signature" and error.get("reason") == wire.ROTATED:
        return Trouble("bad_credentials", pass_changed(target), is_permanent=True, status=status)
    if code in _PERMANENT:
        name, sentence = _PERMANENT[code]
        message = sentence.format(url=target.url, reserve=target.reserve)
        return Trouble(name, message, is_permanent=True, status=status)
    if code == "clock_skew":
        return Trouble(
            "clock_skew",
            f"The clock of {target.url} is far from ours and does not hold still.",
            status=status,
        )
    if status in (429, 503) and code:
        return Trouble(
            "bad_answer",
            f"{target.url} is busy and asks to come back later.",
            status=status,
            retry_after_seconds=retry_after(answer) if status == 429 else None,
        )
    if code:
        return Trouble("bad_answer", f"{target.url} answers {status} {code[:40]}.", status=status)
    if status == 413:
        # A proxy's page, too, says only that the call was too large for it.
        return Trouble("bad_answer", f"{target.url} takes no call of that size.", status=status)
    if status == 429:
        retry = retry_after(answer)
        return Trouble("bad_answer", f"{target.url} asks to come back later.", status=status, retry_after_seconds=retry)
    if status >= 500:
        message = f"{target.url} answers with an error of its own ({status}); look at that server."
        return Trouble("bad_answer", message, status=status, was_answered=False)
    return Trouble("not_a_site", _foreign(target, answer), is_foreign=True, status=status)


def turned_away(code: str, target: Target, status: int) -> Trouble:
    """What is told where that site lets this one in no more: `code` is one of `wire.TURNED_AWAY`."""
    name, sentence = _PERMANENT[code]
    return Trouble(name, sentence.format(url=target.url), is_permanent=True, status=status)


def pass_changed(target: Target) -> str:
    """What is told where the Pass was changed there: our words, since nobody has signed those of a refusal."""
    return (
        f"{target.url} has changed its Pass., and the old one has ended: ask its admin for the new sharing key, "
        "and paste it into this line."
    )


def _foreign(target: Target, answer: Answer) -> str:
    if 300 <= answer.status < 400:
        place = answer.headers.get("location", "")[:200]
        where = "".join(letter for letter in place if letter.isascii() and letter.isprintable())
        return f"{target.url} sends the call elsewhere ({where}): type the address that it leads to."
    return f"{target.url} was reached, but neither PointSync nor WooRewards answers there: check the URL."


def retry_after(answer: Answer) -> float | None:
    """The seconds that a Retry-After asks for, given as such or as a date; None where it says nothing."""
    words = answer.headers.get("retry-after", "").strip()
    if words.isascii() and words.isdigit():
        return min(float(words), MAX_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(words)
    except ValueError:
        return None
    return max((moment - clock.now()).total_seconds(), 0.0) if moment.tzinfo else None
