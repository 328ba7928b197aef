"""The PointSync dialect, version 1: formats and signatures. Pure: no network, no database.

Headers and signatures are those of Standard Webhooks: `v1` is an HMAC with the receiver's Pass, `v1a` an
Ed25519 signature of the sender, both over `id.timestamp.body` with the bytes as sent.
"""

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from pointsync import crypto, ids, whole_number

URL_PREFIX = "/pointsync/v1"
VERSION = 1
MAX_BODY_BYTES = 1024 * 1024
ENVELOPE_BYTES = 4096
"""Reserved in a body for everything besides a list, such as `from`, `to` and `have`."""
MAX_BATCH = 1000
MAX_SKEW = timedelta(minutes=5)
PASS_CHANGED = "pass_changed"  # noqa: S105
"""The `reason` beside `bad_signature` if the request was signed with the receiver's expired Pass."""
KEY_NOT_PINNED, HAND_ON_NOT_ALLOWED = "key_not_pinned", "hand_on_not_allowed"
BLOCKED, NOT_LISTED = "blocked", "not_listed"
CLOCK_AHEAD = "clock_ahead"
"""A change of people is dated too far ahead. It is accepted when its time has come nearer."""
REFUSAL_MESSAGES = {
    BLOCKED: "This site's admin has blocked the sender.",
    NOT_LISTED: "This site accepts only sites that it lists.",
}
"""The messages of refusals, by code. The WooRewards dialect has no code for them, so callers compare the message:
the texts must not change."""

_OBJECT_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMESTAMP = re.compile(r"[0-9]{1,12}\Z")
_MAX_ID_LENGTH = 191
_MAX_SIGNATURES = 8
"""Two for each key during a rotation, and some to spare. Each costs time to verify, before anybody is known."""
_BOUND_ID = re.compile(r"msg_(?P<token>[0-9a-f]{32})_(?P<bond>[0-9a-f]{32})\Z")


class WireError(Exception):
    """A request is answered with an error: HTTP `status`, `code`, a message, and `extra` fields beside them."""

    def __init__(self, status: int, code: str, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = extra

    def to_json(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"error": {"code": self.code, "message": self.message} | self.extra}


class Movement(msgspec.Struct, omit_defaults=True):
    """A movement on the wire: `id` in decimal digits, `at` in RFC 3339, `points` whole."""

    id: str
    customer: str
    points: int
    kind: str
    reason: str
    at: str
    ref: str | None = None
    source: str | None = None
    """Who gave the `ref` at its origin. The receiver only keeps it, for a fetch."""
    digest: str | None = None
    """Only of a movement that another site hands on, or whose customer was erased: 32 hex digits, as stored with it."""
    history: bool = False
    """It was recorded before the receiver was listed, so no mail is sent about it."""


class ReturnedMovement(msgspec.Struct, omit_defaults=True):
    """A movement that goes back to its origin in `movements/fetch`, as the origin has sent it."""

    id: str
    customer: str
    points: int
    kind: str
    reason: str
    at: str | None = None
    """Absent if the time of arrival was stored instead."""
    ref: str | None = None
    source: str | None = None
    digest: str | None = None
    """32 hex digits, as stored with the movement. Absent while it is from before digests existed."""


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """The signing headers of a request or an answer, not verified yet."""

    id: str
    timestamp: int
    auth: str
    signed_content: bytes
    signatures: tuple[tuple[str, bytes], ...]

    def has_valid_hmac(self, secret: str) -> bool:
        """Whether one of its `v1` signatures is an HMAC with `secret`."""
        expected = crypto.sign_hmac(secret, self.signed_content)
        return any(
            version == "v1" and crypto.is_equal_constant_time(each, expected) for version, each in self.signatures
        )

    def is_signed_by(self, public_key: str) -> bool:
        """Whether one of its `v1a` signatures belongs to `public_key`."""
        return any(
            version == "v1a" and crypto.verify_ed25519(public_key, each, self.signed_content)
            for version, each in self.signatures
        )

    def clock_skew(self, now: datetime) -> timedelta:
        """How far its clock is ahead of `now`. The timestamp may be outside the range of `datetime`."""
        return timedelta(seconds=self.timestamp) - (now - _EPOCH)


def build_request_headers(
    body: bytes, sender_auth: str, recipient_auth: str, password: str, private_key: str, signed_at: datetime
) -> dict[str, str]:
    """The headers of a request between two sites, signed at `signed_at` by the recipient's clock."""
    token = ids.new_token()
    message_id = f"msg_{token}_{_pair_digest(token, sender_auth, recipient_auth)}"
    content = _signed_content(message_id, str(int(signed_at.timestamp())), body)
    signatures = (
        "v1," + _encode_base64(crypto.sign_hmac(password, content)),
        "v1a," + _encode_base64(crypto.sign_ed25519(private_key, content)),
    )
    return {
        "content-type": "application/json",
        "pointsync-auth": recipient_auth,
        "webhook-id": message_id,
        "webhook-timestamp": str(int(signed_at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def is_id_for(message_id: str, sender_auth: str, recipient_auth: str) -> bool:
    """Whether a request with this id may come from the sender: PointSync's own ids are bound to both sites.

    Every site of a family knows every Pass. Otherwise a site that is mistaken for another could forward our
    request under its id and pass on the signed answer, although the points went elsewhere. The receiver refuses
    an id that was made for another pair; ids in any other format are accepted.
    """
    match = _BOUND_ID.match(message_id)
    return match is None or match["bond"] == _pair_digest(match["token"], sender_auth, recipient_auth)


def build_response_headers(
    body: bytes, message_id: str, passwords: Sequence[str], private_key: str, now: datetime
) -> dict[str, str]:
    """The headers of an answer to the request with this id, signed with the answering site's Passes and key.

    `passwords` are those that the request was signed with: the caller may know only the old one.
    """
    timestamp = str(int(now.timestamp()))
    content = _signed_content(message_id, timestamp, body)
    signatures = [
        *("v1," + _encode_base64(crypto.sign_hmac(each, content)) for each in passwords),
        "v1a," + _encode_base64(crypto.sign_ed25519(private_key, content)),
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def parse_headers(headers: Mapping[str, str], body: bytes) -> SignedMessage:
    """Parse the signing headers of `body`, the bytes as sent. Raises WireError 401 if they are malformed.

    Only the first `_MAX_SIGNATURES` signatures count.
    """
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not 0 < len(message_id) <= _MAX_ID_LENGTH or not message_id.isprintable() or not _TIMESTAMP.match(timestamp):
        raise WireError(401, "bad_signature", "webhook-id or webhook-timestamp is missing or malformed.")
    signatures = []
    for entry in headers.get("webhook-signature", "").split(" ")[:_MAX_SIGNATURES]:
        version, _, encoded = entry.partition(",")
        try:
            signatures.append((version, base64.b64decode(encoded, validate=True)))
        except (binascii.Error, ValueError):
            continue
    return SignedMessage(
        id=message_id,
        timestamp=int(timestamp),
        auth=headers.get("pointsync-auth", ""),
        signed_content=_signed_content(message_id, timestamp, body),
        signatures=tuple(signatures),
    )


def parse_body(body: bytes, encoding: str | None, raw_member: str | None = None) -> dict[str, Any]:
    """The JSON object in `body`, which may be gzipped. Raises WireError 400 or 413.

    Its member `raw_member` is left as a `msgspec.Raw`, for a list that is decoded into its own type at once.
    """
    if len(body) > MAX_BODY_BYTES:
        raise WireError(413, "too_large", f"A body has at most {MAX_BODY_BYTES:,} bytes.")
    if encoding and encoding.strip().lower() == "gzip":
        body = _decompress(body)
    elif encoding and encoding.strip().lower() != "identity":
        raise WireError(400, "malformed", "content-encoding must be gzip or absent.")
    try:
        members = _OBJECT_DECODER.decode(body)
        return {
            name: raw if name == raw_member else whole_number.decode_json(bytes(raw)) for name, raw in members.items()
        }
    except msgspec.ValidationError as error:
        raise WireError(400, "malformed", "The body must be a JSON object.") from error
    except (ValueError, RecursionError) as error:
        raise WireError(400, "malformed", "The body is not JSON in UTF-8.") from error


def require_text(body: dict[str, Any], name: str) -> str:
    """The string `body[name]`. Raises WireError 400 if it is not a string."""
    value = body.get(name)
    if not isinstance(value, str):
        raise WireError(400, "malformed", f"{name} must be a string.")
    return value


def require_position(body: dict[str, Any]) -> int:
    """The id `after` which a page begins; 0 for the first page. Raises WireError 400."""
    text = require_text(body, "after")
    number = 0 if text == "0" else ids.parse_movement_id(text)
    if number is None:
        raise WireError(400, "malformed", "after must be an id in decimal digits, or 0.")
    return number


def take_fitting(items: Iterable[bytes]) -> list[bytes]:
    """The first of these encoded items, as many as fit into one body with commas between them, and at least one."""
    fitting: list[bytes] = []
    remaining_bytes = MAX_BODY_BYTES - ENVELOPE_BYTES
    for item in items:
        remaining_bytes -= len(item) + 1
        if fitting and remaining_bytes < 0:
            break
        fitting.append(item)
    return fitting


def compress(body: bytes) -> bytes:
    """Gzip `body`."""
    compressor = zlib.compressobj(level=1, wbits=31)
    return compressor.compress(body) + compressor.flush()


def _decompress(body: bytes) -> bytes:
    try:
        decompressor = zlib.decompressobj(wbits=31)
        decompressed = decompressor.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise WireError(400, "malformed", "The body is not gzip, although content-encoding says so.") from error
    if len(decompressed) > MAX_BODY_BYTES:
        raise WireError(413, "too_large", f"A body has at most {MAX_BODY_BYTES:,} bytes after decompression.")
    if not decompressor.eof or decompressor.unused_data:
        raise WireError(400, "malformed", "The gzipped body is truncated or has extra bytes at its end.")
    return decompressed


def _signed_content(message_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{message_id}.{timestamp}.".encode("utf-8", "surrogateescape") + body


def _pair_digest(token: str, sender_auth: str, recipient_auth: str) -> str:
    return hashlib.sha256(f"{token} {sender_auth} {recipient_auth}".encode()).hexdigest()[:32]


def _encode_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
