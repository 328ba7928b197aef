"""The wire's bodies: plain or packed they are read rightly, or refused with the right status."""

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from pointsync.sync.protocol import wire
from pointsync.sync.protocol.wire import MAX_BODY_BYTES, WireFault
from tests.unit.protocol.signed_request import BODY, padded


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
    (gzip.compress(b"{}", mtime=0)[:-1], "gzip"),
    (gzip.compress(b"{}", mtime=0)[:5], "gzip"),
    (gzip.compress(b"{}", mtime=0) + b"x", "gzip"),
    (gzip.compress(b"{}", mtime=0) * 2, "gzip"),
    (zlib.compress(b"{}"), "gzip"),
    (gzip.compress(b"[]", mtime=0), "gzip"),
    (gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0), "gzip"),
    (gzip.compress(b"{}", mtime=0)[:-8] + bytes(8), "gzip"),
    (gzip.compress(BODY, mtime=0), None),
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
