"""Invalid requests between sites: each is answered with a 4xx, and nothing changes.

A case depends only on its seed and its number, so that a failed case can be repeated alone.
"""

import base64
import gzip
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.test import TestResponse

from pointsync.runtime import get_runtime
from pointsync.sync.protocol.woorewards import build_basic_auth
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import SignedCaller, make_movement

ODD_VALUES = [
    "",
    "\0",
    "\ufffd",
    "é" * 300,
    "x" * 5000,
    "-1",
    "0",
    "1e9",
    "null",
    "%00",
    "' OR 1=1",
    "${7*7}",
    "\u202e",
    "🎉",
]
CALL_NAMES = ["ping", "movements"]
PATHS = ["v1/ping", "v1/movements", "v2/ping", "v1", "", "v1/movements/1", "../api/v1/movements", "v1/ping?x=1"]
VALUES: list[Any] = [None, True, 0, -1, 10**40, 1.5, -1e308, [], {}, [[]], {"a": {}}, *ODD_VALUES]
ODD_BODIES = [
    b"",
    b"{",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"[" * 400 + b"]" * 400,
    b"9" * 100_000,
    b'{"from": NaN}',
    b'{"from": Infinity}',
    b'{"from": "\\ud800"}',
    b'{"from": "\xed\xa0\x80"}',
    b'{"from": "\\u0000"}',
    b"\x00" * 100,
    b"\xff\xfe\x00\x00",
    b"PK\x03\x04",
    gzip.compress(b"{}", mtime=0),
    gzip.compress(b" " * 20_000_000, mtime=0),
    b'{"from": "a", "from": "b"}',
    b"true",
    b'"' + b"\\" * 999,
]


def damage(chance: random.Random, raw: bytes) -> bytes:
    """`raw` with some bytes changed, removed or repeated, or a different body."""
    if chance.random() < 0.2 or not raw:
        return chance.choice(ODD_BODIES)
    at, count = chance.randrange(len(raw)), chance.randrange(1, 9)
    middle = chance.choice([b"", chance.randbytes(count), raw[at : at + count] * 3, b'"', b"\\", b"\x00"])
    return raw[:at] + middle + raw[at + count :]


def damage_header(chance: random.Random, value: str) -> str | None:
    """A header's value, damaged."""
    damaged = damage(chance, value.encode()).decode("latin-1")[:2000]
    damaged = "".join(letter for letter in damaged if letter not in "\r\n\0")
    return chance.choice([None, "", damaged, damaged, damaged, value[::-1], value.swapcase()])


def is_equivalent_header(damaged: str | None, value: str) -> bool:
    """Whether a damaged header still has the same value, because only unused bits of base64 changed, for example."""
    return bool(damaged) and any(_decoded(word) == _decoded(value.split()[-1]) for word in damaged.split(" "))


def _decoded(word: str) -> bytes:
    try:
        return base64.b64decode(word.rpartition(",")[2], validate=True)
    except ValueError:
        return word.encode()


def pointsync_request(chance: random.Random, caller: SignedCaller) -> TestResponse:
    """One invalid request. If its signature is valid, its content is not."""
    call_name = chance.choice(CALL_NAMES)
    body = caller.body(movements=[make_movement(chance.randrange(1, 99))])
    raw = json.dumps(body).encode()
    match chance.randrange(4):
        case 0:  # one header is damaged
            headers = caller.headers(raw, keys=())
            name = chance.choice(["pointsync-auth", "webhook-id", "webhook-timestamp", "webhook-signature"])
            damaged = damage_header(chance, headers[name])
            headers[name] = None if is_equivalent_header(damaged, headers[name]) else damaged  # type: ignore[assignment]
            return caller.client.post(f"/pointsync/v1/{call_name}", data=raw, headers=_present(headers))
        case 1:  # the body does not match its signature
            headers, changed = caller.headers(raw), damage(chance, raw)
            return caller.client.post(f"/pointsync/v1/{call_name}", data=changed + b" ", headers=headers)
        case 2:  # a valid signature, an invalid body
            broken = chance.choice(ODD_BODIES) if chance.random() < 0.5 else raw[: chance.randrange(len(raw))]
            packing = chance.choice([{}, {"content-encoding": "gzip"}, {"content-encoding": "deflate"}])
            return caller.post(call_name, broken, headers=packing)
        case _:  # a valid signature, an invalid field
            more = ["reserve", "movements"] if call_name == "movements" else []
            name = chance.choice(["from", "to", "key", *more])
            is_valid = {"movements": lambda value: isinstance(value, list), "key": lambda value: value is None}
            invalid = [value for value in VALUES if name not in is_valid or not is_valid[name](value)]
            return caller.post(call_name, body | {name: chance.choice(invalid)})


def woorewards_request(chance: random.Random, caller: SignedCaller) -> TestResponse:
    """One invalid request in the WooRewards dialect."""
    path = ["default", "alice@example.test", "10", "add"]
    form: dict[str, Any] = {"source": caller.auth, "transaction_id": str(chance.randrange(99)), "reason": "x"}
    credentials: str | None = build_basic_auth(caller.to, caller.password)
    match chance.randrange(4):
        case 0:
            damaged = damage_header(chance, credentials)  # type: ignore[arg-type]
            credentials = (
                None if is_equivalent_header(damaged, build_basic_auth(caller.to, caller.password)) else damaged
            )
        case 1:
            at, words = chance.choice(
                [(0, ["", "%2e", "é", "a b", "a%00"]), (2, ["", "-5", "+5", "1.5", "9" * 20]), (3, ["", "ADD", "get"])]
            )
            path[at] = chance.choice(words)
        case 2:
            invalid = ["", "alice", "@", "a@", "@b.test", "a@b%00.test", "a b@c.test", "x" * 3000 + "@b.test", "a@b%ff"]
            path[1] = chance.choice(invalid)
        case _:
            name = chance.choice(["source", "transaction_id"])
            form[name] = chance.choice([None, "", "x" * 192, "a\0b", "a\nb"])
    headers = {"authorization": credentials} if credentials is not None else {}
    data = {key: value for key, value in form.items() if value is not None}
    url = "/wp-json/woorewards/v1/pointsync/sync/" + "/".join(path)
    return caller.client.post(url, data=data, headers=headers)


def strange_request(chance: random.Random, caller: SignedCaller) -> TestResponse:
    """One unusual request: another path, method or content type, or repeated headers."""
    raw = json.dumps(caller.body(movements=[make_movement(chance.randrange(1, 99))])).encode()
    signed = list(caller.headers(raw).items())
    unsigned = list(caller.headers(raw, passwords=("wrs_" + "0" * 32,)).items())
    call_name = f"/pointsync/v1/{chance.choice(CALL_NAMES)}"
    match chance.randrange(4):
        case 0:
            path = damage(chance, chance.choice(PATHS).encode()).decode("latin-1").replace("\0", "%00")
            return caller.client.post("/pointsync/" + path[:2000], data=raw, headers=_clean(unsigned))
        case 1:
            method = chance.choice(["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "X" * 40])
            return caller.client.open(call_name, method=method, data=raw, headers=signed)
        case 2:
            types = ["text/plain", "multipart/form-data", 'multipart/form-data; boundary="', 'application/json; x="é']
            headers = dict(unsigned) | {"content-type": chance.choice(types)}
            return caller.client.post(call_name, data=raw, headers=_clean(headers.items()))
        case _:
            name, value = chance.choice(unsigned[1:])
            twice = [*unsigned, (name, damage_header(chance, value) or "x")]
            return caller.client.post(call_name, data=raw, headers=_clean(twice))


def _clean(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, "".join(letter for letter in value if letter not in "\r\n\0")) for name, value in headers]


def _present(headers: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if value is not None}


KINDS: dict[str, Callable[[random.Random, SignedCaller], TestResponse]] = {
    "pointsync": pointsync_request,
    "woorewards": woorewards_request,
    "strange": strange_request,
}


def send_case(kind: str, seed: int, number: int, caller: SignedCaller) -> int:
    """Send one case; the status of its answer. Raises AssertionError if that is not a 4xx."""
    answer = KINDS[kind](random.Random(f"{kind} {seed} {number}"), caller)
    again = f"python -m tests.fuzz --kind {kind} --seed {seed} --only {number}"
    assert 400 <= answer.status_code < 500, f"{answer.status}: {again}\n{answer.request}\n{answer.text[:500]}"
    return answer.status_code


def send_cases(kind: str, seed: int, numbers: Iterable[int], site: PeerSite, caller: SignedCaller) -> Counter[int]:
    """Send these cases; the count of each status. Raises AssertionError like `send_case`, or if rows changed."""
    before, found = site.dump(), Counter[int]()
    for sent, number in enumerate(numbers):
        if sent % 200 == 0:
            get_runtime(site.app).failures.clear()  # else every answer would soon be 429
        found[send_case(kind, seed, number, caller)] += 1
    assert site.dump() == before, f"rows have changed: --kind {kind} --seed {seed} has the case"
    return found
