"""Servers on loopback that misbehave as a test tells them, and clients to call them."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic
from typing import Any

import pytest

from pointsync.net.call import HttpCallError
from pointsync.net.http_client import HttpClient, HttpResponse

KIB = 1024
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Script = Callable[["ScriptedServer", Any], None]


class ScriptedServer:
    """Listens on loopback; `script` handles each connection on a thread of its own, to its end."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self.got_request = threading.Event()
        self.closed_one = threading.Event()
        self.stopping = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.live: list[socket.socket] = []
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                line = connection.dup()  # stays this thread's to cut when TLS has taken the other over
                self.live.append(line)
                thread = threading.Thread(target=self.handle, args=(connection, line))
                self.threads.append(thread)
                thread.start()

    def handle(self, connection: socket.socket, line: socket.socket) -> None:
        with suppress(OSError), ExitStack() as stack:
            stack.enter_context(line)
            stack.enter_context(connection)
            if self.tls:
                connection = stack.enter_context(self.tls.wrap_socket(connection, server_side=True))
            self.script(self, connection)
        self.closed_one.set()

    def read(self, connection: socket.socket) -> bytes:
        """One request, whole; empty when the other side hung up."""
        text = b""
        while b"\r\n\r\n" not in text:
            if not (piece := connection.recv(64 * KIB)):
                return b""
            text += piece
        head, _, body = text.partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                while len(body) < int(line.split(b":")[1]):
                    body += connection.recv(64 * KIB)
        self.requests.append(head + b"\r\n\r\n" + body)
        self.got_request.set()
        return self.requests[-1]

    def drip(self, connection: socket.socket, text: bytes) -> None:
        """One byte at a time, never silent long enough for a read to time out."""
        for index in range(len(text)):
            connection.sendall(text[index : index + 1])
            if self.stopping.wait(0.02):
                return

    def stop(self) -> None:
        self.stopping.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.threads[0].join()
        for connection in self.live:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()


StartServer = Callable[..., ScriptedServer]
CreateClient = Callable[..., HttpClient]


@pytest.fixture
def serve() -> Iterator[StartServer]:
    with ExitStack() as stack:

        def start(script: Script, tls: ssl.SSLContext | None = None) -> ScriptedServer:
            server = ScriptedServer(script, tls)
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture
def make_client() -> Iterator[CreateClient]:
    with ExitStack() as stack:

        def make(**options: Any) -> HttpClient:
            client = HttpClient(**{"allow_private": True, **options})
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def client(make_client: CreateClient) -> HttpClient:
    return make_client()


def get(client: HttpClient, url: str, **options: Any) -> HttpResponse:
    return client.send("GET", url, **{"headers": {}, **options})


@contextmanager
def expect_call_failed(kind: type[HttpCallError], code: str, *, was_sent: bool, within: float = 2.0) -> Iterator[None]:
    """The block raises exactly this failure, in less than `within` seconds."""
    start = monotonic()
    with pytest.raises(HttpCallError) as caught:
        yield
    failure = caught.value
    assert (type(failure), failure.code, failure.was_sent) == (kind, code, was_sent), failure.message
    assert failure.message.endswith(".")
    assert monotonic() - start < within


def answer_always(answer: bytes) -> Script:
    """Answers every request on a connection with `answer`."""

    def script(server: ScriptedServer, connection: socket.socket) -> None:
        while server.read(connection):
            connection.sendall(answer)

    return script


def answer_once(answer: bytes) -> Script:
    """Answers one request, then hangs up."""

    def script(server: ScriptedServer, connection: socket.socket) -> None:
        if server.read(connection):
            connection.sendall(answer)

    return script
