"""The HTTP client ends in time, with servers that are slow in every way."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from pointsync.net.call import TransientCallError
from tests.support.scripted_server import (
    KIB,
    OK,
    CreateClient,
    ScriptedServer,
    StartServer,
    answer_always,
    expect_call_failed,
    get,
)


def test_a_head_that_drips_is_cut(make_client: CreateClient, serve: StartServer) -> None:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
        server.read(connection)
        server.drip(connection, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 10_000)

    with expect_call_failed(TransientCallError, "timeout", was_sent=True, within=1.0):
        get(make_client(total_seconds=0.3), serve(script).url)


@pytest.mark.parametrize("framing", [b"", b"Content-Length: 10000\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_body_that_drips_is_cut_and_is_no_answer(
    make_client: CreateClient, serve: StartServer, framing: bytes
) -> None:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n")
        server.drip(connection, b"1\r\nx\r\n" * 2_000)

    with expect_call_failed(TransientCallError, "timeout", was_sent=True, within=1.0):
        get(make_client(total_seconds=0.3), serve(script).url)


def test_a_kept_connection_that_drips_is_cut(make_client: CreateClient, serve: StartServer) -> None:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(OK)
        server.read(connection)
        server.drip(connection, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 10_000)

    client = make_client(total_seconds=0.3)
    server = serve(script)
    assert get(client, server.url, connection_key=1).body == b"ok"
    with expect_call_failed(TransientCallError, "timeout", was_sent=True, within=1.0):
        get(client, server.url, connection_key=1)
    assert server.connections == 1


def test_a_server_that_does_not_read_is_cut(make_client: CreateClient, serve: StartServer) -> None:
    server = serve(lambda server, connection: server.stopping.wait(5) and None)
    with expect_call_failed(TransientCallError, "timeout", was_sent=True, within=1.0):
        make_client(total_seconds=0.3).send("POST", server.url, headers={}, body=bytes(32 * KIB * KIB))
    with expect_call_failed(TransientCallError, "timeout", was_sent=True, within=1.0):
        make_client(read_seconds=0.3).send("POST", server.url, headers={}, body=bytes(32 * KIB * KIB))


def test_silence_ends_with_the_read_limit(make_client: CreateClient, serve: StartServer) -> None:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
        while server.read(connection):
            pass

    with expect_call_failed(TransientCallError, "timeout", was_sent=True, within=1.0):
        get(make_client(read_seconds=0.2), serve(script).url)


@pytest.mark.parametrize("limit", ["connect_seconds", "total_seconds"])
def test_a_tls_handshake_that_stalls_is_cut(make_client: CreateClient, serve: StartServer, limit: str) -> None:
    server = serve(lambda server, connection: server.stopping.wait(5) and None)
    with expect_call_failed(TransientCallError, "timeout", was_sent=False, within=1.0):
        get(make_client(**{limit: 0.2}), f"https://127.0.0.1:{server.port}")


@contextmanager
def unanswering_url() -> Iterator[str]:
    """The URL of a port that never accepts connections, because its queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("limit", ["connect_seconds", "total_seconds"])
def test_connecting_takes_no_longer_than_allowed(make_client: CreateClient, limit: str) -> None:
    with unanswering_url() as url, expect_call_failed(TransientCallError, "timeout", was_sent=False, within=1.0):
        get(make_client(**{limit: 0.2}), url)


def test_a_slow_dns_lookup_counts_towards_the_timeout(
    make_client: CreateClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: release.wait(5) and [])
    with expect_call_failed(TransientCallError, "timeout", was_sent=False, within=1.0):
        get(make_client(total_seconds=0.2), "http://shop.example")
    release.set()


def test_each_address_has_its_share_of_the_time(
    make_client: CreateClient, serve: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(answer_always(OK))
    with unanswering_url() as url:
        ports = [int(url.rpartition(":")[2]), server.port]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
        assert get(make_client(connect_seconds=0.4), "http://shop.example").body == b"ok"
