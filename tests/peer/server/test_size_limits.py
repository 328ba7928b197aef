"""How much fits in a request of the PointSync dialect, packed or not."""

import gzip
import json
import zlib

from pointsync.sync.protocol.wire import MAX_BODY_BYTES
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, Caller, a_movement

PACKED = {"content-encoding": "gzip"}


def padded(caller: Caller, size: int) -> bytes:
    """A good batch of exactly so many bytes; unknown fields are ignored."""
    raw = json.dumps(caller.body(movements=[a_movement()], padding="")).encode()
    return raw.replace(b'"padding": ""', b'"padding": "' + b"x" * (size - len(raw)) + b'"')


def test_a_thousand_movements_fit_and_one_more_does_not(site: PeerSite, caller: Caller) -> None:
    """All or nothing: none of the 1,001 is applied."""
    batch = [a_movement(number) for number in range(1, 1002)]
    answer = caller.send(*batch)
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")
    assert site.balance(ALICE) is None
    answer = caller.send(*batch[:1000])
    assert {each["status"] for each in answer.json["results"]} == {"applied"}
    assert [each["id"] for each in answer.json["results"]] == [each["id"] for each in batch[:1000]]
    assert answer.json["have"] == {"count": 1000, "max_id": "1000"}
    assert site.balance(ALICE) == 10_000


def test_a_body_of_one_megabyte_fits_and_one_byte_more_does_not(site: PeerSite, caller: Caller) -> None:
    answer = caller.post("movements", padded(caller, MAX_BODY_BYTES + 1))
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")
    # Beyond what Flask itself takes in, the answer is the same.
    answer = caller.post("movements", padded(caller, 4 * MAX_BODY_BYTES))
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")
    assert site.balance(ALICE) is None
    assert caller.post("movements", padded(caller, MAX_BODY_BYTES)).status_code == 200
    assert site.balance(ALICE) == 10


def test_the_limit_holds_unpacked_too(site: PeerSite, caller: Caller) -> None:
    """A bomb is refused before it has grown: a hundred megabytes pack into a hundred kilobytes."""
    for size in (MAX_BODY_BYTES + 1, 100 * MAX_BODY_BYTES):
        packed = gzip.compress(padded(caller, size))
        assert len(packed) < MAX_BODY_BYTES
        answer = caller.post("movements", packed, headers=PACKED)
        assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")
    assert site.balance(ALICE) is None
    answer = caller.post("movements", gzip.compress(padded(caller, MAX_BODY_BYTES)), headers=PACKED)
    assert answer.json["results"][0]["status"] == "applied"


def test_a_packed_body_is_signed_as_it_is_sent(site: PeerSite, caller: Caller) -> None:
    raw = json.dumps(caller.body(movements=[a_movement()])).encode()
    packed = gzip.compress(raw)
    answer = caller.client.post("/pointsync/v1/movements", data=packed, headers=caller.headers(raw) | PACKED)
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "bad_signature")
    answer = caller.client.post("/pointsync/v1/movements", data=packed, headers=caller.headers(packed) | PACKED)
    assert answer.json["results"][0]["status"] == "applied"
    assert site.balance(ALICE) == 10


def test_a_damaged_pack_is_malformed(site: PeerSite, caller: Caller) -> None:
    packed = gzip.compress(json.dumps(caller.body(movements=[a_movement()])).encode())
    before = site.dump()
    for damaged in (b"", packed[:-1], packed[:-8], packed[:20], packed + b"x", packed * 2, b"x" + packed):
        answer = caller.post("movements", damaged, headers=PACKED)
        assert (answer.status_code, answer.json["error"]["code"]) == (400, "malformed")
    # Other ways of packing are not gzip, whatever the header calls them.
    answer = caller.post("movements", zlib.compress(b"{}"), headers=PACKED)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "malformed")
    assert site.dump() == before
