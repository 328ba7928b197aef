"""The wire's framing under mutations: whatever is sent, it is read rightly or refused with the right status."""

import base64
import random
import string
from contextlib import suppress

import msgspec

from pointsync import crypto
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.wire import MAX_BODY_BYTES, WireFault
from tests.unit.protocol.signed_request import BODY, NOW, PASS, PUBLIC, SENDER, headers, padded

STATUSES = {400: {"malformed"}, 401: {"bad_signature"}, 413: {"too_large"}}
SEED = 20260301
MUTATIONS = 2000


def test_whatever_is_mutated_is_refused_or_read_and_nothing_else_happens():
    rng = random.Random(SEED)
    seen = dict.fromkeys((*STATUSES, "unsigned", "read"), 0)
    for number in range(MUTATIONS):
        sent, body, encoding = _mutated(rng)
        told = f"mutation {number} of seed {SEED}: {sent!r} {encoding!r} {body[:200]!r}"
        try:
            signed = wire.read_headers(sent, body)
            is_ours = signed.has_hmac(PASS)
            assert is_ours == _is_untouched(sent, body), told
            signed.has_key(PUBLIC)
            signed.skew(NOW)
            decoded = wire.read_body(body, encoding)
            wire.text_field(decoded, "from")
            items = decoded.get("movements")
            for item in items if isinstance(items, list) else []:
                _convert(item)
        except WireFault as fault:
            refusal = fault
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} for {told}") from error
        else:
            seen["read" if is_ours else "unsigned"] += 1
            continue
        assert refusal.code in STATUSES[refusal.status], told
        assert refusal.message.isprintable(), told
        seen[refusal.status] += 1
    assert all(seen.values()), f"a kind of outcome was never met: {seen}"


def _convert(item: object) -> None:
    with suppress(ValueError):
        msgspec.convert(item, wire.Movement)


def _is_untouched(sent: dict[str, str], body: bytes) -> bool:
    """Whether HMAC, by other means than the code's, says that PASS has signed this."""
    content = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode("utf-8", "replace") + body
    expected = base64.b64encode(crypto.hmac_signature(PASS, content)).decode()
    return f"v1,{expected}" in sent.get("webhook-signature", "").split(" ")


def _mutated(rng: random.Random) -> tuple[dict[str, str], bytes, str | None]:
    body, encoding = BODY, None
    if rng.random() < 0.3:
        body, encoding = wire.pack(BODY), "gzip"
    if rng.random() < 0.4:  # a body that was broken before it was signed
        body = _broken(rng, body)
    sent = headers(body)
    if rng.random() < 0.4:  # or on the way
        body = _broken(rng, body)
    if rng.random() < 0.4:
        name = rng.choice(list(sent))
        sent[name] = _broken_text(rng, sent[name])
    if rng.random() < 0.1:
        del sent[rng.choice(list(sent))]
    if rng.random() < 0.1:
        encoding = rng.choice([None, "gzip", "br", "", "GZIP", _broken_text(rng, "gzip")])
    return sent, body, encoding


def _broken(rng: random.Random, body: bytes) -> bytes:
    at = rng.randrange(len(body) + 1)
    match rng.randrange(7):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + rng.randbytes(rng.randrange(1, 9)) + body[at:]
        case 2:
            return body[:at] + rng.randbytes(1) + body[at + 1 :]
        case 3:
            return body.replace(rng.choice([b'"points": 25', b'"default"', SENDER.encode()]), rng.choice(PIECES))
        case 4:
            return rng.choice(PIECES)
        case 5:
            return wire.pack(rng.choice([padded(MAX_BODY_BYTES + 1), b"[" * 5_000, b"{}", body]))
        case _:
            return body + body


PIECES = [
    b"null",
    b"[]",
    b"{}",
    b'"\\u0000"',
    b"1e400",
    b"-9" * 40,
    b'"' + b"x" * 3000 + b'"',
    b"\xff\xfe",
    b'{"from": 1}',
    b" " * (MAX_BODY_BYTES + 1),
]


def _broken_text(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    letters = string.printable + "é٣²\u2028\udc80\x00" + "".join(map(chr, range(0x80, 0x100)))
    return rng.choice(
        [
            text[:at],
            text[:at] + rng.choice(letters) + text[at:],
            text[:at] + rng.choice(letters) + text[at + 1 :],
            "".join(rng.choice(letters) for _ in range(rng.randrange(40))),
            text * 60,
            text.upper(),
            f"{text} {text}",
        ]
    )
