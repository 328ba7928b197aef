"""The HTTP client keeps connections per key, replaces those that have ended between calls, and closes all when it is
closed."""

import socket
import struct
import threading
from collections.abc import Callable
from time import monotonic

import pytest

from pointsync.net.call import HttpCallError, TransientCallError
from pointsync.net.http_client import HttpClient
from tests.support.scripted_server import (
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

# Kept-alive connections


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 204 No\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
)
def test_connections_are_kept_for_each_key(client: HttpClient, serve: StartServer, answer: bytes) -> None:
    server = serve(answer_always(answer))
    for _ in range(3):
        get(client, server.url, connection_key="a")
    assert server.connections == 1
    get(client, server.url, connection_key="b")
    assert server.connections == 2
    for _ in range(2):
        get(client, server.url)
    assert server.connections == 4


def test_a_connection_closed_meanwhile_is_seen_before_it_is_used(client: HttpClient, serve: StartServer) -> None:
    server = serve(answer_once(OK))
    for count in (1, 2, 3):
        assert get(client, server.url, connection_key=1).body == b"ok"
        assert server.closed_one.wait(2)
        server.closed_one.clear()
        assert server.connections == count


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answer_then(end: Callable[[ScriptedServer, socket.socket], None]) -> Script:
    """Answers the first request on the first connection, reads the second and ends it with `end`. Other connections
    work."""

    def script(server: ScriptedServer, connection: socket.socket) -> None:
        is_first = server.connections == 1
        while server.read(connection):
            if is_first and len(server.requests) == 2:
                end(server, connection)
                return
            connection.sendall(OK)

    return script


BREAKS = {
    "closed": lambda server, connection: None,
    "reset": lambda server, connection: reset(connection),
    "408 of an idle connection": lambda server, connection: connection.sendall(
        b"HTTP/1.1 408 Request Time-out\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ),
    "421 of another server": lambda server, connection: connection.sendall(
        b"HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\n\r\n"
    ),
}


@pytest.mark.parametrize("end", BREAKS.values(), ids=BREAKS)
def test_a_repeatable_call_is_sent_again_over_a_new_connection(
    client: HttpClient, serve: StartServer, end: Callable[[ScriptedServer, socket.socket], None]
) -> None:
    server = serve(answer_then(end))
    get(client, server.url, connection_key=1)
    answer = client.send("POST", server.url, headers={}, body=b"{}", connection_key=1, is_repeatable=True)
    assert (answer.body, server.connections, len(server.requests)) == (b"ok", 2, 3)
    assert server.requests[1] == server.requests[2]
    get(client, server.url, connection_key=1)
    assert server.connections == 2, "the new connection is kept"


def test_a_connection_that_something_has_forgotten_is_replaced(
    make_client: CreateClient, serve: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(read_seconds=0.3)
    server = serve(answer_then(lambda server, connection: server.stopping.wait(5) and None))
    get(client, server.url, connection_key=1)
    with expect_call_failed(TransientCallError, "timeout", was_sent=True):  # used just now, so it is only slow
        client.send("POST", server.url, headers={}, body=b"{}", connection_key=1, is_repeatable=True)
    monkeypatch.setattr("pointsync.net.call.MIN_IDLE_SECONDS", 0.0)
    other = serve(answer_then(lambda server, connection: server.stopping.wait(5) and None))
    get(client, other.url, connection_key=1)
    answer = client.send("POST", other.url, headers={}, body=b"{}", connection_key=1, is_repeatable=True)
    assert (answer.body, other.connections) == (b"ok", 2)


def test_there_is_one_retry(client: HttpClient, serve: StartServer) -> None:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
        is_first = server.connections == 1
        if server.read(connection) and is_first:
            connection.sendall(OK)
            server.read(connection)

    server = serve(script)
    get(client, server.url, connection_key=1)
    with expect_call_failed(TransientCallError, "bad_answer", was_sent=True):
        client.send("POST", server.url, headers={}, body=b"{}", connection_key=1, is_repeatable=True)
    assert (server.connections, len(server.requests)) == (2, 3)


def test_what_the_time_limit_allows_is_for_both(make_client: CreateClient, serve: StartServer) -> None:
    client = make_client(total_seconds=1.0)

    def script(server: ScriptedServer, connection: socket.socket) -> None:
        if server.connections > 1:
            server.stopping.wait(5)
        server.read(connection)
        connection.sendall(OK)
        server.read(connection)
        server.stopping.wait(0.5)

    server = serve(script)
    get(client, server.url, connection_key=1)
    with expect_call_failed(TransientCallError, "timeout", was_sent=True, within=1.5):
        client.send("POST", server.url, headers={}, body=b"{}", connection_key=1, is_repeatable=True)
    assert server.connections == 2


@pytest.mark.parametrize("end", [BREAKS["closed"], BREAKS["reset"]])
def test_any_other_call_is_not_sent_twice(
    client: HttpClient, serve: StartServer, end: Callable[[ScriptedServer, socket.socket], None]
) -> None:
    server = serve(answer_then(end))
    get(client, server.url, connection_key=1)
    with expect_call_failed(TransientCallError, "bad_answer", was_sent=True):
        client.send("POST", server.url, headers={}, body=b"{}", connection_key=1)
    assert (server.connections, len(server.requests)) == (1, 2)


def test_any_call_is_sent_again_if_nothing_was_sent(
    client: HttpClient, serve: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(OK)
        if server.connections == 1:
            reset(connection)
        else:
            server.read(connection)

    server = serve(script)
    get(client, server.url, connection_key=1)
    assert server.closed_one.wait(2)
    # It was open when it was looked at, and is closed when it is used.
    monkeypatch.setattr("urllib3.connection.HTTPConnection.is_connected", True)
    answer = client.send("POST", server.url, headers={}, body=b"{}", connection_key=1)
    assert (answer.body, server.connections, len(server.requests)) == (b"ok", 2, 2)


def test_a_call_over_a_new_connection_is_not_repeated(client: HttpClient, serve: StartServer) -> None:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
        server.read(connection)

    server = serve(script)
    with expect_call_failed(TransientCallError, "bad_answer", was_sent=True):
        client.send("POST", server.url, headers={}, body=b"{}", connection_key=1, is_repeatable=True)
    assert server.connections == 1


def test_a_broken_answer_is_not_asked_for_again(client: HttpClient, serve: StartServer) -> None:
    server = serve(answer_then(lambda server, connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-")))
    get(client, server.url, connection_key=1)
    with expect_call_failed(TransientCallError, "bad_answer", was_sent=True):
        client.send("POST", server.url, headers={}, body=b"{}", connection_key=1, is_repeatable=True)
    assert server.connections == 1


def test_an_old_connection_is_not_used(client: HttpClient, serve: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(answer_always(OK))
    get(client, server.url, connection_key=1)
    monkeypatch.setattr("pointsync.net.connections.MAX_IDLE_SECONDS", 0.0)
    get(client, server.url, connection_key=1)
    assert server.connections == 2


def test_threads_share_a_connection_key(client: HttpClient, serve: StartServer) -> None:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
        while request := server.read(connection):
            body = request.partition(b"\r\n\r\n")[2]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    server = serve(script)
    wrong: list[object] = []

    def call(name: str) -> None:
        for number in range(50):
            body = f"{name} {number}".encode()
            answer = client.send("POST", server.url, headers={}, body=body, connection_key=1)
            if answer.body != body:
                wrong.append((body, answer))

    threads = [threading.Thread(target=call, args=(name,)) for name in ("one", "another")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(server.requests) == 100
    assert server.connections <= 2


# Closing


def test_closing_stops_running_calls(make_client: CreateClient, serve: StartServer) -> None:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
        while server.read(connection):
            pass

    server = serve(script)
    client = make_client()
    failures: list[HttpCallError] = []

    def call() -> None:
        try:
            get(client, server.url, connection_key=1)
        except HttpCallError as failure:
            failures.append(failure)

    thread = threading.Thread(target=call)
    thread.start()
    assert server.got_request.wait(2)
    start = monotonic()
    client.close()
    thread.join()
    assert monotonic() - start < 1.0
    assert [(failure.code, failure.was_sent) for failure in failures] == [("timeout", True)]
    assert isinstance(failures[0], TransientCallError)
    assert "stopped" in failures[0].message


def test_closing_stops_a_dns_lookup(client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, release = threading.Event(), threading.Event()

    def slow(*args: object, **kwargs: object) -> list[object]:
        asked.set()
        release.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    closer = threading.Thread(target=lambda: asked.wait(2) and client.close())
    closer.start()
    with expect_call_failed(TransientCallError, "timeout", was_sent=False, within=1.0):
        get(client, "http://shop.example/")
    release.set()
    closer.join()


def test_a_closed_client_calls_nobody(client: HttpClient, serve: StartServer) -> None:
    server = serve(answer_always(OK))
    get(client, server.url, connection_key=1)
    client.close()
    client.close()
    with expect_call_failed(TransientCallError, "timeout", was_sent=False):
        get(client, server.url, connection_key=1)
    assert server.connections == 1


def test_closing_closes_idle_connections(client: HttpClient, serve: StartServer) -> None:
    server = serve(answer_always(OK))
    get(client, server.url, connection_key=1)
    assert not server.closed_one.is_set()
    client.close()
    assert server.closed_one.wait(2)
