"""The HTTP client keeps connections per key, never retries, and closes all connections when it is closed."""

import socket
import threading
from time import monotonic

import pytest

from pointsync.net.call import HttpCallError, TransientCallError
from pointsync.net.http_client import HttpClient
from tests.support.scripted_server import (
    OK,
    CreateClient,
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


def test_a_kept_connection_that_fails_is_not_tried_again(client: HttpClient, serve: StartServer) -> None:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(OK)
        server.read(connection)

    server = serve(script)
    get(client, server.url, connection_key=1)
    with expect_call_failed(TransientCallError, "bad_answer", was_sent=True):
        client.send("POST", server.url, headers={}, body=b"{}", connection_key=1)
    assert (server.connections, len(server.requests)) == (1, 2)


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
