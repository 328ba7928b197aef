"""The wire's framing: whatever is sent, it is read rightly or refused with the right status."""

import base64
import gzip
import json
import random
import string
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook

from pointsync import crypto
from pointsync.sync import wire
from pointsync.sync.wire import MAX_BODY_BYTES, WireFault

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AUTH = "wrk_0123456789abcdef"
SENDER = "wrk_fedcba9876543210"
PASS = "wrs_AbCdEf0123456789"
PRIVATE, PUBLIC = crypto.new_signing_key()
STATUSES = {400: {"malformed"}, 401: {"bad_signature"}, 413: {"too_large"}}
SEED = 20260301
MUTATIONS = 2000

MOVEMENT = {
    "id": "825900000000000001",
    "customer": "anna@shop.example",
    "points": 25,
    "kind": "earn",
    "reason": "Order 7 – süß",
    "at": "2026-03-01T12:00:00Z",
}
BODY = json.dumps({"from": SENDER, "to": AUTH, "reserve": "default", "movements": [MOVEMENT]}).encode()


def headers(body: bytes = BODY, **changes: str | None) -> dict[str, str]:
    """The headers of a request with that body; a change of None leaves that header out."""
    made: dict[str, Any] = wire.request_headers(body, SENDER, AUTH, PASS, PRIVATE, NOW)
    made |= {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in made.items() if value is not None}


def test_a_request_is_read_as_it_was_signed():
    sent = headers()
    signed = wire.read_headers(sent, BODY)
    assert (signed.id, signed.auth, signed.timestamp) == (sent["webhook-id"], AUTH, int(NOW.timestamp()))
    assert signed.has_hmac(PASS)
    assert signed.has_key(PUBLIC)
    assert wire.read_body(BODY, None)["movements"] == [MOVEMENT]


def test_each_request_has_an_id_of_its_own():
    assert len({headers()["webhook-id"] for _ in range(100)}) == 100


def test_another_secret_or_key_has_not_signed_it():
    signed = wire.read_headers(headers(), BODY)
    assert not signed.has_hmac(PASS[:-1])
    assert not signed.has_hmac("")
    assert not signed.has_key(crypto.new_signing_key()[1])
    assert not signed.has_key("no key")


def test_an_hmac_is_no_signature_of_a_key_nor_the_other_way_round():
    v1, v1a = headers()["webhook-signature"].split(" ")
    swapped = f"v1a,{v1.removeprefix('v1,')} v1,{v1a.removeprefix('v1a,')}"
    signed = wire.read_headers(headers(webhook_signature=swapped), BODY)
    assert not signed.has_hmac(PASS)
    assert not signed.has_key(PUBLIC)


def test_during_a_rotation_one_of_two_is_enough():
    sent = headers()
    content = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + BODY
    new = base64.b64encode(crypto.hmac_signature("wrs_0000000000000000", content)).decode()
    signed = wire.read_headers(sent | {"webhook-signature": f"v1,{new} {sent['webhook-signature']}"}, BODY)
    assert signed.has_hmac(PASS)
    assert signed.has_hmac("wrs_0000000000000000")


@pytest.mark.parametrize("change", ["webhook-id", "webhook-timestamp", "body"])
def test_what_was_changed_on_the_way_is_no_longer_signed(change):
    sent, body = headers(), BODY
    if change == "body":
        body = BODY.replace(b"25", b"26")
    elif change == "webhook-id":
        sent[change] += "x"
    else:
        sent[change] = str(int(sent[change]) + 1)
    signed = wire.read_headers(sent, body)
    assert not signed.has_hmac(PASS)
    assert not signed.has_key(PUBLIC)


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_id": None},
        {"webhook_id": ""},
        {"webhook_id": "x" * 192},
        {"webhook_id": "a\nb"},
        {"webhook_id": "a\x7fb"},
        {"webhook_id": "\udc80"},
        {"webhook_timestamp": None},
        {"webhook_timestamp": ""},
        {"webhook_timestamp": " 1772366400"},
        {"webhook_timestamp": "1772366400\n"},
        {"webhook_timestamp": "1772366400.5"},
        {"webhook_timestamp": "-1"},
        {"webhook_timestamp": "+1"},
        {"webhook_timestamp": "1e9"},
        {"webhook_timestamp": "٣"},
        {"webhook_timestamp": "²"},
        {"webhook_timestamp": "1" * 13},
        {"webhook_timestamp": "1" * 5000},
    ],
    ids=str,
)
def test_headers_that_say_nothing_are_401(changes):
    with pytest.raises(WireFault) as fault:
        wire.read_headers(headers(**changes), BODY)
    assert (fault.value.status, fault.value.code) == (401, "bad_signature")


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        " ",
        ",",
        "v1",
        "v1,",
        "v1,!!!",
        "v1,YQ",
        "v1,YQ==",
        "v1,é",
        "v1,\udc80",
        "v2,{v1}",
        "v1a,{v1}",
        "V1,{v1}",
        "{v1}",
        "v1,{v1}=",
        "v1,{v1},{v1}",
        "v1;{v1}",
        "\tv1,{v1}",
        "v1, {v1}",
    ],
)
def test_a_broken_signature_verifies_nothing(signature):
    v1 = headers()["webhook-signature"].split(" ")[0].removeprefix("v1,")
    signed = wire.read_headers(headers(webhook_signature=signature and signature.replace("{v1}", v1)), BODY)
    assert not signed.has_hmac(PASS)
    assert not signed.has_key(PUBLIC)


@pytest.mark.parametrize("timestamp", ["0", "1772366400", "999999999999"])
def test_any_clock_can_be_compared(timestamp):
    sent = headers(webhook_timestamp=timestamp)
    skew = wire.read_headers(sent, BODY).skew(NOW)
    assert skew == timedelta(seconds=int(timestamp) - int(NOW.timestamp()))


def test_a_signature_of_the_published_library_is_taken():
    timestamp = NOW
    signature = Webhook(PASS.encode()).sign("msg_1", timestamp, BODY.decode())
    sent = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(timestamp.timestamp())),
        "webhook-signature": f"v1,c3RhbGU= {signature}",
    }
    assert wire.read_headers(sent, BODY).has_hmac(PASS)
    assert not wire.read_headers(sent, BODY + b" ").has_hmac(PASS)


def test_the_published_library_takes_ours():
    sent = wire.request_headers(BODY, SENDER, AUTH, PASS, PRIVATE, datetime.now(UTC))
    assert Webhook(PASS.encode()).verify(BODY, sent) == json.loads(BODY)


def test_an_answer_is_signed_over_the_requests_id():
    sent = wire.answer_headers(b"{}", "msg_1", PRIVATE, NOW)
    signed = wire.read_headers(sent, b"{}")
    assert signed.id == "msg_1"
    assert signed.has_key(PUBLIC)
    assert not wire.read_headers(sent | {"webhook-id": "msg_2"}, b"{}").has_key(PUBLIC)


@pytest.mark.parametrize("encoding", [None, "", "identity", " Identity "])
def test_a_plain_body(encoding):
    assert wire.read_body(b' {"a": 1, "unknown": [null]} ', encoding) == {"a": 1, "unknown": [None]}


@pytest.mark.parametrize("encoding", ["gzip", " GZIP "])
@pytest.mark.parametrize("packer", [wire.pack, gzip.compress])
def test_a_packed_body(encoding, packer):
    assert wire.read_body(packer(BODY), encoding) == json.loads(BODY)


MALFORMED: list[tuple[bytes, str | None]] = [
    (b"", None),
    (b" ", None),
    (b"[]", None),
    (b'"text"', None),
    (b"7", None),
    (b"null", None),
    (b"{", None),
    (b"{}{}", None),
    (b"{'a': 1}", None),
    (b'{"a": 1,}', None),
    (b'{"a": NaN}', None),
    (b'{"a": 1e999999}', None),
    (b'{"a": "\xff"}', None),
    (b'{"a": "\xed\xa0\x80"}', None),
    (b'{"a": "\\ud800"}', None),
    (b'{"a": "\x00"}', None),
    (b"\xef\xbb\xbf{}", None),
    ('{"a": 1}'.encode("utf-16"), None),
    (b"[" * 100_000, None),
    (b'{"a":' * 100_000, None),
    (b"{}", "gzip"),
    (b"", "gzip"),
    (gzip.compress(b"{}")[:-1], "gzip"),
    (gzip.compress(b"{}")[:5], "gzip"),
    (gzip.compress(b"{}") + b"x", "gzip"),
    (gzip.compress(b"{}") * 2, "gzip"),
    (zlib.compress(b"{}"), "gzip"),
    (gzip.compress(b"[]"), "gzip"),
    (gzip.compress(gzip.compress(b"{}")), "gzip"),
    (gzip.compress(b"{}")[:-8] + bytes(8), "gzip"),
    (gzip.compress(BODY), None),
    (b"{}", "br"),
    (b"{}", "deflate"),
    (b"{}", "x-gzip"),
    (b"{}", "gzip, gzip"),
    (b"{}", "é"),
]


@pytest.mark.parametrize(("body", "encoding"), MALFORMED, ids=lambda part: ascii(part[:20]) if part else ascii(part))
def test_a_malformed_body_is_400(body, encoding):
    with pytest.raises(WireFault) as fault:
        wire.read_body(body, encoding)
    assert (fault.value.status, fault.value.code) == (400, "malformed")


def padded(size: int) -> bytes:
    """A JSON object of exactly that size."""
    return b'{"a": "' + b"x" * (size - 9) + b'"}'


@pytest.mark.parametrize(("packer", "encoding"), [(bytes, None), (wire.pack, "gzip")])
def test_a_body_may_have_its_limit_and_not_a_byte_more(packer: Callable[[bytes], bytes], encoding: str | None):
    assert len(padded(MAX_BODY_BYTES)) == MAX_BODY_BYTES
    assert wire.read_body(packer(padded(MAX_BODY_BYTES)), encoding)
    with pytest.raises(WireFault) as fault:
        wire.read_body(packer(padded(MAX_BODY_BYTES + 1)), encoding)
    assert (fault.value.status, fault.value.code) == (413, "too_large")


def test_a_bomb_is_defused_before_it_fills_the_memory():
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(128)) + packer.flush()
    assert len(bomb) < MAX_BODY_BYTES
    tracemalloc.start()
    try:
        with pytest.raises(WireFault) as fault:
            wire.read_body(bomb, "gzip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert fault.value.status == 413
    assert peak < 8 * MAX_BODY_BYTES


@pytest.mark.parametrize("body", [{}, {"from": None}, {"from": 7}, {"from": ["wrk"]}, {"from": {}}])
def test_a_field_that_is_no_text_is_400(body):
    with pytest.raises(WireFault) as fault:
        wire.text_field(body, "from")
    assert (fault.value.status, fault.value.code) == (400, "malformed")
    assert "from" in fault.value.message


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
