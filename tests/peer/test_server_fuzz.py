"""Broken requests by the thousand, from a seed: each is refused as the caller's fault, and nothing changes."""

import base64
import gzip
import json
import random
from collections import Counter
from typing import Any

import pytest
from werkzeug.test import TestResponse

from pointsync.runtime import of
from pointsync.sync.woorewards import basic
from tests.peer.caller import Caller, a_movement
from tests.peer.peer_site import PeerSite

REQUESTS = 2_000
"""In each of the two dialects."""
ODD = ["", "\0", "\ufffd", "é" * 300, "x" * 5000, "-1", "0", "1e9", "null", "%00", "' OR 1=1", "${7*7}", "\u202e", "🎉"]
VALUES: list[Any] = [None, True, 0, -1, 10**40, 1.5, -1e308, [], {}, [[]], {"a": {}}, *ODD]
RAW = [
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
    b'{"from": "a", "from": "b"}',
    b"true",
    b'"' + b"\\" * 999,
]


def damaged(chance: random.Random, raw: bytes) -> bytes:
    """`raw` with some bytes changed, gone or doubled, or something else altogether."""
    if chance.random() < 0.2 or not raw:
        return chance.choice(RAW)
    at, count = chance.randrange(len(raw)), chance.randrange(1, 9)
    middle = chance.choice([b"", chance.randbytes(count), raw[at : at + count] * 3, b'"', b"\\", b"\x00"])
    return raw[:at] + middle + raw[at + count :]


def odd_header(chance: random.Random, value: str) -> str | None:
    """A header's value, damaged."""
    made = damaged(chance, value.encode()).decode("latin-1")[:2000]
    made = "".join(letter for letter in made if letter not in "\r\n\0")
    return chance.choice([None, "", made, made, made, value[::-1], value.swapcase()])


def means_the_same(made: str | None, value: str) -> bool:
    """Whether a damaged header still says what it said: a spared signature, or spare bits of base64."""
    return bool(made) and any(_decoded(word) == _decoded(value.split()[-1]) for word in made.split(" "))


def _decoded(word: str) -> bytes:
    try:
        return base64.b64decode(word.rpartition(",")[2], validate=True)
    except ValueError:
        return word.encode()


def pointsync_request(chance: random.Random, caller: Caller) -> TestResponse:
    """One broken request. Where it is signed well, what it says is wrong as a whole."""
    call = chance.choice(["ping", "movements"])
    body = caller.body(movements=[a_movement(chance.randrange(1, 99))])
    raw = json.dumps(body).encode()
    match chance.randrange(4):
        case 0:  # a header broken, the rest good
            headers = caller.headers(raw, keys=())
            name = chance.choice(["pointsync-auth", "webhook-id", "webhook-timestamp", "webhook-signature"])
            made = odd_header(chance, headers[name])
            headers[name] = None if means_the_same(made, headers[name]) else made  # type: ignore[assignment]
            return caller.client.post(f"/pointsync/v1/{call}", data=raw, headers=_present(headers))
        case 1:  # the body changed under its signature
            headers, changed = caller.headers(raw), damaged(chance, raw)
            return caller.client.post(f"/pointsync/v1/{call}", data=changed + b" ", headers=headers)
        case 2:  # signed well, no such body
            broken = chance.choice(RAW) if chance.random() < 0.5 else raw[: chance.randrange(len(raw))]
            packing = chance.choice([{}, {"content-encoding": "gzip"}, {"content-encoding": "deflate"}])
            return caller.post(call, broken, headers=packing)
        case _:  # signed well, a field that cannot be
            name = chance.choice(["from", "to", "reserve", "movements"] if call == "movements" else ["from", "to"])
            odd = [value for value in VALUES if not (name == "movements" and isinstance(value, list))]
            return caller.post(call, body | {name: chance.choice(odd)})


def woorewards_request(chance: random.Random, caller: Caller) -> TestResponse:
    """One broken request in the other dialect."""
    path = ["default", "alice@example.test", "10", "add"]
    form: dict[str, Any] = {"source": caller.auth, "transaction_id": str(chance.randrange(99)), "reason": "x"}
    credentials: str | None = basic(caller.to, caller.password)
    match chance.randrange(4):
        case 0:
            made = odd_header(chance, credentials)  # type: ignore[arg-type]
            credentials = None if means_the_same(made, basic(caller.to, caller.password)) else made
        case 1:
            at, words = chance.choice(
                [(0, ["", "%2e", "é", "a b", "a%00"]), (2, ["", "-5", "+5", "1.5", "9" * 20]), (3, ["", "ADD", "get"])]
            )
            path[at] = chance.choice(words)
        case 2:
            odd = ["", "alice", "@", "a@", "@b.test", "a@b%00.test", "a b@c.test", "x" * 3000 + "@b.test", "a@b%ff"]
            path[1] = chance.choice(odd)
        case _:
            name = chance.choice(["source", "transaction_id"])
            form[name] = chance.choice([None, "", "x" * 192, "a\0b", "a\nb"])
    headers = {"authorization": credentials} if credentials is not None else {}
    data = {key: value for key, value in form.items() if value is not None}
    url = "/wp-json/woorewards/v1/pointsync/sync/" + "/".join(path)
    return caller.client.post(url, data=data, headers=headers)


def _present(headers: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if value is not None}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("ask", [pointsync_request, woorewards_request])
def test_broken_requests_are_refused_and_leave_no_trace(site: PeerSite, ask: Any, seed: int) -> None:
    """A dump of all tables before and after tells."""
    chance, caller = random.Random(seed), Caller(site)
    caller.send(a_movement(1))
    before, answers = site.dump(), Counter[int]()
    for number in range(REQUESTS // 2):
        if number % 200 == 0:
            of(site.app).failures.storage.reset()
        answer = ask(chance, caller)
        assert 400 <= answer.status_code < 500, (seed, number, answer.request, answer.text)
        answers[answer.status_code] += 1
    assert site.dump() == before
    assert len(answers) >= 3, f"the requests are all broken in the same way: {answers}"
