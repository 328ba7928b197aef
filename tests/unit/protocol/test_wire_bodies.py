"""Request bodies: plain and gzipped ones are read, bad ones are refused with the right status."""

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from pointsync.sync.protocol import wire
from pointsync.sync.protocol.wire import MAX_BODY_BYTES, WireError
from tests.unit.protocol.signed_request import BODY, padded_body


@pytest.mark.parametrize("encoding", [None, "", "identity", " Identity "])
def test_a_plain_body(encoding):
    assert wire.parse_body(b' {"a": 1, "unknown": [null]} ', encoding) == {"a": 1, "unknown": [None]}


@pytest.mark.parametrize("encoding", ["gzip", " GZIP "])
@pytest.mark.parametrize("compress", [wire.compress, gzip.compress])
def test_a_gzipped_body(encoding, compress):
    assert wire.parse_body(compress(BODY), encoding) == json.loads(BODY)


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
    with pytest.raises(WireError) as fault:
        wire.parse_body(body, encoding)
    assert (fault.value.status, fault.value.code) == (400, "malformed")


@pytest.mark.parametrize(("compress", "encoding"), [(bytes, None), (wire.compress, "gzip")])
def test_the_size_limit_is_exact(compress: Callable[[bytes], bytes], encoding: str | None):
    assert len(padded_body(MAX_BODY_BYTES)) == MAX_BODY_BYTES
    assert wire.parse_body(compress(padded_body(MAX_BODY_BYTES)), encoding)
    with pytest.raises(WireError) as fault:
        wire.parse_body(compress(padded_body(MAX_BODY_BYTES + 1)), encoding)
    assert (fault.value.status, fault.value.code) == (413, "too_large")


def test_a_decompression_bomb_does_not_fill_the_memory():
    compressor = zlib.compressobj(9, wbits=31)
    bomb = b"".join(compressor.compress(bytes(1024 * 1024)) for _ in range(128)) + compressor.flush()
    assert len(bomb) < MAX_BODY_BYTES
    tracemalloc.start()
    try:
        with pytest.raises(WireError) as fault:
            wire.parse_body(bomb, "gzip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert fault.value.status == 413
    assert peak < 8 * MAX_BODY_BYTES


@pytest.mark.parametrize("body", [{}, {"from": None}, {"from": 7}, {"from": ["wrk"]}, {"from": {}}])
def test_a_field_that_is_not_a_string_is_400(body):
    with pytest.raises(WireError) as fault:
        wire.require_text(body, "from")
    assert (fault.value.status, fault.value.code) == (400, "malformed")
    assert "from" in fault.value.message
