"""Mutated requests: each one is read correctly or refused with the right status."""

import base64
import random
import string
from contextlib import suppress

import msgspec

from pointsync import crypto
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.wire import MAX_BODY_BYTES, WireError
from tests.unit.protocol.signed_request import BODY, NOW, PASS, PUBLIC, SENDER, padded_body, signed_headers

STATUSES = {400: {"malformed"}, 401: {"bad_signature"}, 413: {"too_large"}}
SEED = 20260301
MUTATIONS = 1000


def test_every_mutated_request_is_read_or_refused():
    rng = random.Random(SEED)
    outcome_counts = dict.fromkeys((*STATUSES, "unsigned", "read"), 0)
    for number in range(MUTATIONS):
        headers, body, encoding = _mutate(rng)
        description = f"mutation {number} of seed {SEED}: {headers!r} {encoding!r} {body[:200]!r}"
        try:
            signed = wire.parse_headers(headers, body)
            is_ours = signed.has_valid_hmac(PASS)
            assert is_ours == _is_untouched(headers, body), description
            signed.is_signed_by(PUBLIC)
            signed.clock_skew(NOW)
            decoded = wire.parse_body(body, encoding)
            wire.require_text(decoded, "from")
            items = decoded.get("movements")
            for item in items if isinstance(items, list) else []:
                _convert(item)
        except WireError as error:
            wire_error = error
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} for {description}") from error
        else:
            outcome_counts["read" if is_ours else "unsigned"] += 1
            continue
        assert wire_error.code in STATUSES[wire_error.status], description
        assert wire_error.message.isprintable(), description
        outcome_counts[wire_error.status] += 1
    assert all(outcome_counts.values()), f"an outcome never occurred: {outcome_counts}"


def _convert(item: object) -> None:
    with suppress(ValueError):
        msgspec.convert(item, wire.Movement)


def _is_untouched(headers: dict[str, str], body: bytes) -> bool:
    """Whether this was signed with PASS, computed independently of the code under test."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode("utf-8", "replace") + body
    expected = base64.b64encode(crypto.sign_hmac(PASS, content)).decode()
    return f"v1,{expected}" in headers.get("webhook-signature", "").split(" ")


def _mutate(rng: random.Random) -> tuple[dict[str, str], bytes, str | None]:
    body, encoding = BODY, None
    if rng.random() < 0.3:
        body, encoding = wire.compress(BODY), "gzip"
    if rng.random() < 0.4:  # broken before it was signed
        body = _break_body(rng, body)
    headers = signed_headers(body)
    if rng.random() < 0.4:  # broken in transit
        body = _break_body(rng, body)
    if rng.random() < 0.4:
        name = rng.choice(list(headers))
        headers[name] = _broken_text(rng, headers[name])
    if rng.random() < 0.1:
        del headers[rng.choice(list(headers))]
    if rng.random() < 0.1:
        encoding = rng.choice([None, "gzip", "br", "", "GZIP", _broken_text(rng, "gzip")])
    return headers, body, encoding


def _break_body(rng: random.Random, body: bytes) -> bytes:
    at = rng.randrange(len(body) + 1)
    match rng.randrange(7):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + rng.randbytes(rng.randrange(1, 9)) + body[at:]
        case 2:
            return body[:at] + rng.randbytes(1) + body[at + 1 :]
        case 3:
            return body.replace(rng.choice([b'"points": 25', b'"default"', SENDER.encode()]), rng.choice(REPLACEMENTS))
        case 4:
            return rng.choice(REPLACEMENTS)
        case 5:
            return wire.compress(rng.choice([padded_body(MAX_BODY_BYTES + 1), b"[" * 5_000, b"{}", body]))
        case _:
            return body + body


REPLACEMENTS = [
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
