"""How a request may arrive over a real connection: in chunks, without a length, cut short, mislabelled."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, Caller, a_movement, is_signed

PATH = "/pointsync/v1/movements"


@pytest.fixture
def caller(listening: PeerSite) -> Caller:
    return Caller(listening)


@pytest.fixture
def connection(listening: PeerSite) -> Iterator[HTTPConnection]:
    opened = HTTPConnection("127.0.0.1", listening.port, timeout=10)
    yield opened
    opened.close()


def batch(caller: Caller) -> bytes:
    return json.dumps(caller.body(movements=[a_movement()])).encode()


def test_a_body_may_come_in_chunks(listening: PeerSite, caller: Caller, connection: HTTPConnection) -> None:
    raw = batch(caller)
    chunks = iter([raw[:7], raw[7:50], raw[50:]])
    connection.request("POST", PATH, chunks, caller.headers(raw), encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["results"][0]["status"]) == (200, "applied")
    assert listening.balance(ALICE) == 10


def test_an_answer_over_the_network_carries_its_signature(
    listening: PeerSite, caller: Caller, connection: HTTPConnection
) -> None:
    raw = batch(caller)
    connection.request("POST", PATH, raw, caller.headers(raw))
    answer = connection.getresponse()

    class Plain:
        headers, data = answer.headers, answer.read()

    assert is_signed(Plain(), listening.identity.public_key)


def test_a_content_type_is_not_asked_for(listening: PeerSite, caller: Caller, connection: HTTPConnection) -> None:
    """The signature says what the body is; a proxy may change the header."""
    for content_type in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "\xff"):
        raw = batch(caller)
        connection.request("POST", PATH, raw, caller.headers(raw) | {"content-type": content_type})
        answer = connection.getresponse()
        assert json.loads(answer.read())["results"][0]["status"] in ("applied", "duplicate")
    raw = batch(caller)
    headers = caller.headers(raw)
    del headers["content-type"]
    connection.request("POST", PATH, raw, headers)
    assert connection.getresponse().status == 200
    assert listening.balance(ALICE) == 10


@pytest.mark.parametrize("length", ["", "content-length: 0\r\n", "content-length: 9\r\n"])
def test_a_length_that_is_not_the_bodys(listening: PeerSite, caller: Caller, length: str) -> None:
    """Without one there is no body, and with a short one another than was signed."""
    raw = batch(caller)
    headers = "".join(f"{name}: {value}\r\n" for name, value in caller.headers(raw).items())
    with socket.create_connection(("127.0.0.1", listening.port), timeout=10) as client:
        client.sendall(f"POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{length}{headers}\r\n".encode() + raw)
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert listening.movements() == []


def test_a_body_that_is_cut_short_changes_nothing(listening: PeerSite, caller: Caller) -> None:
    raw = batch(caller)
    headers = "".join(f"{name}: {value}\r\n" for name, value in caller.headers(raw).items())
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(raw)}\r\n{headers}\r\n".encode()
    with socket.create_connection(("127.0.0.1", listening.port), timeout=10) as client:
        client.sendall(head + raw[:-1])
        client.shutdown(socket.SHUT_WR)
        assert not client.recv(65536).startswith(b"HTTP/1.1 200")
    assert listening.movements() == []


def test_other_methods_are_405_and_the_connection_lives_on(
    listening: PeerSite, caller: Caller, connection: HTTPConnection
) -> None:
    for method in ("GET", "PUT", "DELETE"):
        connection.request(method, PATH)
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, "POST" in answer.headers["allow"]) == (405, True)
    raw = batch(caller)
    connection.request("POST", PATH, raw, caller.headers(raw))
    assert connection.getresponse().status == 200
