"""The outgoing door against answers that are too large, wrongly zipped or broken: none is taken for an answer."""

import gzip
import socket
import struct

import pytest

from pointsync.net.http_client import Client, PassingFailure
from tests.support.scripted_server import KIB, MakeClient, Script, Serve, Server, fails, get, once

# Size


def endless(head: bytes, piece: bytes) -> Script:
    def script(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(head)
        for _ in range(300 * KIB * KIB // len(piece)):
            connection.sendall(piece)

    return script


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 64 * KIB),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 314572800\r\n\r\n", b"x" * 64 * KIB),
        (b"HTTP/1.1 302 Go\r\nLocation: /\r\nContent-Length: 314572800\r\n\r\n", b"x" * 64 * KIB),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2000\r\n" + b"x" * 8192 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", b"x" * 64 * KIB),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", b"x" * 64 * KIB),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * KIB),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"x" * 64 * KIB),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * KIB),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 64 * KIB),
        (b"HTTP/1.1 200 OK\r\n", b"X: " + b"x" * 30 * KIB + b"\r\n"),
        (b"", b"x" * 64 * KIB),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * KIB),
    ],
)
def test_more_than_allowed_is_not_read(client: Client, serve: Serve, head: bytes, piece: bytes) -> None:
    with fails(PassingFailure, "bad_answer", reached=True):
        get(client, serve(endless(head, piece)).url)


@pytest.mark.parametrize("coding", [b"", b"Content-Encoding: gzip\r\n"])
def test_the_limit_is_exact(make_client: MakeClient, serve: Serve, coding: bytes) -> None:
    client = make_client(max_answer_bytes=KIB)
    for size in (KIB, KIB + 1):
        body = gzip.compress(bytes(size)) if coding else bytes(size)
        server = serve(once(b"HTTP/1.1 200 OK\r\n" + coding + b"\r\n" + body))
        if size == KIB:
            assert get(client, server.url).body == bytes(size)
        else:
            with fails(PassingFailure, "bad_answer", reached=True):
                get(client, server.url)


def zipped(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    return head + body


def test_gzip_is_undone(client: Client, serve: Serve) -> None:
    assert get(client, serve(once(zipped(gzip.compress(b"hello", mtime=0)))).url).body == b"hello"
    two = gzip.compress(b"hel", mtime=0) + gzip.compress(b"lo", mtime=0)
    assert get(client, serve(once(zipped(two))).url).body == b"hello"
    assert get(client, serve(once(zipped(b""))).url).body == b""


def test_a_bomb_does_not_go_off(client: Client, serve: Serve) -> None:
    bomb = serve(once(zipped(gzip.compress(bytes(300 * KIB * KIB), 1))))
    with fails(PassingFailure, "bad_answer", reached=True):
        get(client, bomb.url, session_key=1)


@pytest.mark.parametrize(
    "body", [b"plain", gzip.compress(b"hello", mtime=0)[:-4], gzip.compress(b"hello", mtime=0)[:-9] + b"\xff" * 9]
)
def test_damaged_gzip_is_no_answer(client: Client, serve: Serve, body: bytes) -> None:
    with fails(PassingFailure, "bad_answer", reached=True):
        get(client, serve(once(zipped(body))).url)


# Broken answers


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 99999 No\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.0\r\n",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Ty",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n",
    ],
)
def test_an_answer_that_breaks_off_or_is_no_http_is_none(client: Client, serve: Serve, answer: bytes) -> None:
    with fails(PassingFailure, "bad_answer", reached=True):
        get(client, serve(once(answer)).url, session_key=1)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
def test_a_reset_is_no_answer(client: Client, serve: Serve, answer: bytes) -> None:
    def script(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(answer)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with fails(PassingFailure, "bad_answer", reached=True):
        get(client, serve(script).url)


def test_a_server_that_closes_at_once_is_no_answer(client: Client, serve: Serve) -> None:
    with fails(PassingFailure, "bad_answer", reached=True):
        get(client, serve(lambda server, connection: None).url)
