"""Size limits of a request in the PointSync dialect, plain or gzipped."""

import gzip
import json
import zlib

from pointsync.sync.protocol.wire import MAX_BODY_BYTES
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, SignedCaller, have, make_movement

GZIP_HEADERS = {"content-encoding": "gzip"}


def make_padded_batch(caller: SignedCaller, size: int) -> bytes:
    """A valid batch of exactly `size` bytes; unknown fields are ignored."""
    raw = json.dumps(caller.body(movements=[make_movement()], padding="")).encode()
    return raw.replace(b'"padding": ""', b'"padding": "' + b"x" * (size - len(raw)) + b'"')


def test_a_thousand_movements_fit_and_one_more_does_not(site: PeerSite, caller: SignedCaller) -> None:
    """All or nothing: none of the 1,001 is applied."""
    batch = [make_movement(number) for number in range(1, 1002)]
    answer = caller.send(*batch)
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")
    assert site.balance(ALICE) is None
    answer = caller.send(*batch[:1000])
    assert {each["status"] for each in answer.json["results"]} == {"applied"}
    assert [each["id"] for each in answer.json["results"]] == [each["id"] for each in batch[:1000]]
    assert answer.json["have"] == have(*batch[:1000])
    assert site.balance(ALICE) == 10_000


def test_a_body_of_one_megabyte_fits_and_one_byte_more_does_not(site: PeerSite, caller: SignedCaller) -> None:
    answer = caller.post("movements", make_padded_batch(caller, MAX_BODY_BYTES + 1))
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")
    # Beyond what Flask itself takes in, the answer is the same.
    answer = caller.post("movements", make_padded_batch(caller, 4 * MAX_BODY_BYTES))
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")
    assert site.balance(ALICE) is None
    assert caller.post("movements", make_padded_batch(caller, MAX_BODY_BYTES)).status_code == 200
    assert site.balance(ALICE) == 10


def test_the_limit_also_applies_after_decompression(site: PeerSite, caller: SignedCaller) -> None:
    """A decompression bomb is refused early: 100 MB compress into 100 kB."""
    for size in (MAX_BODY_BYTES + 1, 100 * MAX_BODY_BYTES):
        gzipped = gzip.compress(make_padded_batch(caller, size))
        assert len(gzipped) < MAX_BODY_BYTES
        answer = caller.post("movements", gzipped, headers=GZIP_HEADERS)
        assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")
    assert site.balance(ALICE) is None
    answer = caller.post("movements", gzip.compress(make_padded_batch(caller, MAX_BODY_BYTES)), headers=GZIP_HEADERS)
    assert answer.json["results"][0]["status"] == "applied"


def test_a_gzipped_body_is_signed_as_sent(site: PeerSite, caller: SignedCaller) -> None:
    raw = json.dumps(caller.body(movements=[make_movement()])).encode()
    gzipped = gzip.compress(raw)
    answer = caller.client.post("/pointsync/v1/movements", data=gzipped, headers=caller.headers(raw) | GZIP_HEADERS)
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "bad_signature")
    answer = caller.client.post("/pointsync/v1/movements", data=gzipped, headers=caller.headers(gzipped) | GZIP_HEADERS)
    assert answer.json["results"][0]["status"] == "applied"
    assert site.balance(ALICE) == 10


def test_damaged_gzip_is_malformed(site: PeerSite, caller: SignedCaller) -> None:
    gzipped = gzip.compress(json.dumps(caller.body(movements=[make_movement()])).encode())
    before = site.dump()
    for damaged in (b"", gzipped[:-1], gzipped[:-8], gzipped[:20], gzipped + b"x", gzipped * 2, b"x" + gzipped):
        answer = caller.post("movements", damaged, headers=GZIP_HEADERS)
        assert (answer.status_code, answer.json["error"]["code"]) == (400, "malformed")
    # Another compression is not gzip, even if the header says so.
    answer = caller.post("movements", zlib.compress(b"{}"), headers=GZIP_HEADERS)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "malformed")
    assert site.dump() == before
