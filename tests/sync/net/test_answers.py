"""The HTTP client refuses answers that are too large, badly compressed or broken."""

import gzip
import socket
import struct

import pytest

from pointsync.net.call import TransientCallError
from pointsync.net.http_client import HttpClient
from tests.support.scripted_server import (
    KIB,
    OK,
    CreateClient,
    Script,
    ScriptedServer,
    StartServer,
    answer_always,
    answer_once,
    expect_call_failed,
    get,
)

# Size


def endless_answer(head: bytes, piece: bytes) -> Script:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
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
def test_a_response_above_the_limit_is_not_read(
    client: HttpClient, serve: StartServer, head: bytes, piece: bytes
) -> None:
    with expect_call_failed(TransientCallError, "bad_answer", was_sent=True):
        get(client, serve(endless_answer(head, piece)).url)


@pytest.mark.parametrize("coding", [b"", b"Content-Encoding: gzip\r\n"])
def test_the_limit_is_exact(make_client: CreateClient, serve: StartServer, coding: bytes) -> None:
    client = make_client(max_response_bytes=KIB)
    for size in (KIB, KIB + 1):
        body = gzip.compress(bytes(size)) if coding else bytes(size)
        server = serve(answer_once(b"HTTP/1.1 200 OK\r\n" + coding + b"\r\n" + body))
        if size == KIB:
            assert get(client, server.url).body == bytes(size)
        else:
            with expect_call_failed(TransientCallError, "bad_answer", was_sent=True):
                get(client, server.url)


def gzip_answer(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    return head + body


def test_gzip_is_undone(client: HttpClient, serve: StartServer) -> None:
    assert get(client, serve(answer_once(gzip_answer(gzip.compress(b"hello", mtime=0)))).url).body == b"hello"
    two = gzip.compress(b"hel", mtime=0) + gzip.compress(b"lo", mtime=0)
    assert get(client, serve(answer_once(gzip_answer(two))).url).body == b"hello"
    assert get(client, serve(answer_once(gzip_answer(b""))).url).body == b""


def test_a_bomb_does_not_go_off(client: HttpClient, serve: StartServer) -> None:
    bomb = serve(answer_once(gzip_answer(gzip.compress(bytes(300 * KIB * KIB), 1))))
    with expect_call_failed(TransientCallError, "bad_answer", was_sent=True):
        get(client, bomb.url, connection_key=1)


@pytest.mark.parametrize(
    "body", [b"plain", gzip.compress(b"hello", mtime=0)[:-4], gzip.compress(b"hello", mtime=0)[:-9] + b"\xff" * 9]
)
def test_damaged_gzip_is_no_answer(client: HttpClient, serve: StartServer, body: bytes) -> None:
    with expect_call_failed(TransientCallError, "bad_answer", was_sent=True):
        get(client, serve(answer_once(gzip_answer(body))).url)


# Interim answers

EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n"


@pytest.mark.parametrize(
    "interim",
    [
        EARLY_HINTS,
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + EARLY_HINTS + EARLY_HINTS,
        b"HTTP/1.1 102 Processing\r\n\r\n" * 50,
        b"HTTP/1.1 199 Own\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 103\r\nX: y\r\n\r\n",
    ],
)
def test_an_interim_answer_is_passed_over(client: HttpClient, serve: StartServer, interim: bytes) -> None:
    server = serve(answer_always(interim + OK))
    for _ in range(2):
        answer = get(client, server.url, connection_key=1)
        assert (answer.status, answer.body) == (200, b"ok")
        assert "link" not in answer.headers
    assert server.connections == 1


def test_interim_answers_without_a_final_one_are_no_answer(make_client: CreateClient, serve: StartServer) -> None:
    with expect_call_failed(TransientCallError, "bad_answer", was_sent=True):
        get(make_client(), serve(answer_once(EARLY_HINTS)).url)
    waiting = serve(lambda server, connection: server.drip(connection, EARLY_HINTS * 50))
    with expect_call_failed(TransientCallError, "timeout", was_sent=True):
        get(make_client(total_seconds=0.5), waiting.url)


# How servers write the same answer


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 2\r\n\r\nok",
        b"HTTP/1.1 200\r\nContent-Length:2\r\n\r\nok",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1;x=y\r\no\r\n1\r\nk\r\n0\r\nX-Trailer: 1\r\n\r\n",
    ],
)
def test_an_answer_may_be_written_in_many_ways(client: HttpClient, serve: StartServer, answer: bytes) -> None:
    assert get(client, serve(answer_once(answer)).url).body == b"ok"


# Broken answers


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 99999 No\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
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
def test_a_truncated_or_invalid_response_is_bad_answer(client: HttpClient, serve: StartServer, answer: bytes) -> None:
    with expect_call_failed(TransientCallError, "bad_answer", was_sent=True):
        get(client, serve(answer_once(answer)).url, connection_key=1)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
def test_a_reset_is_no_answer(client: HttpClient, serve: StartServer, answer: bytes) -> None:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(answer)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with expect_call_failed(TransientCallError, "bad_answer", was_sent=True):
        get(client, serve(script).url)


def test_a_server_that_closes_at_once_is_no_answer(client: HttpClient, serve: StartServer) -> None:
    with expect_call_failed(TransientCallError, "bad_answer", was_sent=True):
        get(client, serve(lambda server, connection: None).url)
