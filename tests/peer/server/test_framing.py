"""Requests over a real connection: chunked, without a length, cut short, with a wrong content type."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, SignedCaller, is_signed, make_movement

PATH = "/pointsync/v1/movements"


@pytest.fixture
def caller(listening_site: PeerSite) -> SignedCaller:
    return SignedCaller(listening_site)


@pytest.fixture
def connection(listening_site: PeerSite) -> Iterator[HTTPConnection]:
    http_connection = HTTPConnection("127.0.0.1", listening_site.port, timeout=10)
    yield http_connection
    http_connection.close()


def make_batch(caller: SignedCaller) -> bytes:
    return json.dumps(caller.body(movements=[make_movement()])).encode()


def test_a_chunked_body(listening_site: PeerSite, caller: SignedCaller, connection: HTTPConnection) -> None:
    raw = make_batch(caller)
    chunks = iter([raw[:7], raw[7:50], raw[50:]])
    connection.request("POST", PATH, chunks, caller.headers(raw), encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["results"][0]["status"]) == (200, "applied")
    assert listening_site.balance(ALICE) == 10


def test_an_answer_over_the_network_carries_its_signature(
    listening_site: PeerSite, caller: SignedCaller, connection: HTTPConnection
) -> None:
    raw = make_batch(caller)
    connection.request("POST", PATH, raw, caller.headers(raw))
    answer = connection.getresponse()

    class SignedAnswer:
        headers, data = answer.headers, answer.read()

    identity = listening_site.identity
    assert is_signed(SignedAnswer(), identity.public_key, *identity.passes)


def test_the_content_type_does_not_matter(
    listening_site: PeerSite, caller: SignedCaller, connection: HTTPConnection
) -> None:
    """The body is signed, the header is not: a proxy may change it."""
    for content_type in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "\xff"):
        raw = make_batch(caller)
        connection.request("POST", PATH, raw, caller.headers(raw) | {"content-type": content_type})
        answer = connection.getresponse()
        assert json.loads(answer.read())["results"][0]["status"] in ("applied", "duplicate")
    raw = make_batch(caller)
    headers = caller.headers(raw)
    del headers["content-type"]
    connection.request("POST", PATH, raw, headers)
    assert connection.getresponse().status == 200
    assert listening_site.balance(ALICE) == 10


@pytest.mark.parametrize("length", ["", "content-length: 0\r\n", "content-length: 9\r\n"])
def test_a_wrong_content_length(listening_site: PeerSite, caller: SignedCaller, length: str) -> None:
    """Without a length there is no body; with a short one it is not the body that was signed."""
    raw = make_batch(caller)
    headers = "".join(f"{name}: {value}\r\n" for name, value in caller.headers(raw).items())
    with socket.create_connection(("127.0.0.1", listening_site.port), timeout=10) as client:
        client.sendall(f"POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{length}{headers}\r\n".encode() + raw)
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert listening_site.movements() == []


def test_a_truncated_body_changes_nothing(listening_site: PeerSite, caller: SignedCaller) -> None:
    raw = make_batch(caller)
    headers = "".join(f"{name}: {value}\r\n" for name, value in caller.headers(raw).items())
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(raw)}\r\n{headers}\r\n".encode()
    with socket.create_connection(("127.0.0.1", listening_site.port), timeout=10) as client:
        client.sendall(head + raw[:-1])
        client.shutdown(socket.SHUT_WR)
        assert not client.recv(65536).startswith(b"HTTP/1.1 200")
    assert listening_site.movements() == []


def test_other_methods_are_405_and_the_connection_stays_open(
    listening_site: PeerSite, caller: SignedCaller, connection: HTTPConnection
) -> None:
    for method in ("GET", "PUT", "DELETE"):
        connection.request(method, PATH)
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, "POST" in answer.headers["allow"]) == (405, True)
    raw = make_batch(caller)
    connection.request("POST", PATH, raw, caller.headers(raw))
    assert connection.getresponse().status == 200
