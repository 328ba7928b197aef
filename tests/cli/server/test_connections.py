"""The web server stays reachable: each connection has a deadline, and too many make room for others."""

import threading
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask

from pointsync.cli.server.connection import Timeouts
from tests.cli.server.raw_client import RawClient, get_status
from tests.support.apps import create_application
from tests.support.process import wait_until
from tests.support.wsgi_server import run_http_server

SHORT = 0.3
STATIC_FILE = "/static/css/tokens.css"
HALF_A_HEAD = f"GET {STATIC_FILE} HTTP/1.1\r\nX-a: "


@pytest.fixture
def static_app(sqlite_app: Flask) -> Flask:
    """An application that is asked only for a static file, so it needs no site."""
    return sqlite_app


def test_a_head_has_to_be_complete_in_time_even_if_it_drips(static_app: Flask) -> None:
    with run_http_server(static_app, timeouts=Timeouts(head=SHORT)) as port, RawClient(port) as client:
        assert client.send(HALF_A_HEAD).wait_until_closed(drip=b"a").startswith("HTTP/1.1 408 ")


def test_so_has_a_body(static_app: Flask) -> None:
    with run_http_server(static_app, timeouts=Timeouts(request=SHORT)) as port:
        for header in ("Content-Length: 1000000", "Transfer-Encoding: chunked"):
            with RawClient(port) as client:
                answer = client.head("/pointsync/v1/ping", header).wait_until_closed(drip=b"1")
                assert answer.startswith(("HTTP/1.1 408 ", "HTTP/1.1 400 ")), header


def test_an_unused_connection_is_closed_and_blank_lines_are_no_use(static_app: Flask) -> None:
    with run_http_server(static_app, timeouts=Timeouts(idle=SHORT)) as port:
        for drip in (b"", b"\r\n\r\n"):
            with RawClient(port) as client:
                assert client.wait_until_closed(drip) == ""
        with RawClient(port) as client:
            client.head(STATIC_FILE, method="GET").wait_for("200 OK")
            assert client.wait_until_closed().count("HTTP/1.1") == 1


def test_an_answer_that_nobody_takes_in_is_given_up(static_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_app, "wsgi_app", _large_answer)
    with run_http_server(static_app, timeouts=Timeouts(stalled=SHORT)) as port, RawClient(port) as client:
        client.head("/", method="GET")
        assert client.socket.recv(12) == b"HTTP/1.1 200"
        received = 0
        # It was closed before all of it could be sent.
        wait_until(lambda: _open_connections(port) == 0, 10, "the server closes the connection")
        with ExitStack() as stack:
            stack.enter_context(client)
            while True:
                try:
                    data = client.socket.recv(1 << 20)
                except OSError:
                    break
                if not data:
                    break
                received += len(data)
        assert received < LARGE_BYTES


def test_the_longest_waiting_make_room(static_app: Flask) -> None:
    with run_http_server(static_app, max_connections=20) as port, ExitStack() as stack:
        slow = [stack.enter_context(RawClient(port)).send(HALF_A_HEAD) for _ in range(30)]
        status, seconds = get_status(port, STATIC_FILE)
        assert (status, seconds < 2) == (200, True)
        assert slow[0].wait_until_closed().startswith("HTTP/1.1 503 ")
        assert not slow[-1].is_closed
        slow[-1].send("a\r\nHost: x\r\n\r\n").wait_for("200 OK")


def test_the_caller_with_most_connections_makes_room_first(static_app: Flask) -> None:
    with run_http_server(static_app, max_connections=20) as port, ExitStack() as stack:
        kept = [stack.enter_context(RawClient(port, "127.0.0.2")) for _ in range(5)]
        for client in kept:
            client.head(STATIC_FILE, method="GET").wait_for("200 OK")
        slow = [stack.enter_context(RawClient(port)).send(HALF_A_HEAD) for _ in range(40)]
        slow[0].wait_until_closed()
        assert get_status(port, STATIC_FILE)[0] == 200
        for client in kept:
            client.received = b""
            client.head(STATIC_FILE, method="GET").wait_for("200 OK")


def test_a_proxy_speaks_for_many(tmp_path: Any, sqlite_url: str) -> None:
    app = create_application(sqlite_url, tmp_path, POINTSYNC_TRUSTED_PROXIES="127.0.0.1")
    with run_http_server(app, max_connections=20) as port, ExitStack() as stack:
        kept = [stack.enter_context(RawClient(port)) for _ in range(15)]
        for client in kept:
            client.head(STATIC_FILE, method="GET").wait_for("200 OK")
        slow = [stack.enter_context(RawClient(port, "127.0.0.2")).send(HALF_A_HEAD) for _ in range(10)]
        slow[0].wait_until_closed()
        assert get_status(port, STATIC_FILE)[0] == 200
        assert not any(client.is_closed for client in kept)


def test_requests_that_are_being_answered_are_not_given_up(static_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived, may_answer = threading.Semaphore(0), threading.Event()

    def answer_later(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        arrived.release()
        assert may_answer.wait(10)
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    monkeypatch.setattr(static_app, "wsgi_app", answer_later)
    timeouts = Timeouts(idle=SHORT, head=SHORT, request=SHORT, stalled=SHORT)
    with run_http_server(static_app, timeouts=timeouts, max_connections=20) as port, ExitStack() as stack:
        served = [stack.enter_context(RawClient(port)).head("/", method="GET") for _ in range(2)]
        assert all(arrived.acquire(timeout=10) for _ in served)
        slow = [stack.enter_context(RawClient(port)).send(HALF_A_HEAD) for _ in range(40)]
        slow[-1].wait_until_closed()
        may_answer.set()
        for client in served:
            client.wait_for("200 OK")


LARGE_BYTES = 64 * 1024 * 1024


def _large_answer(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", str(LARGE_BYTES))])
    return (b"x" * 65_536 for _ in range(LARGE_BYTES // 65_536))


def _open_connections(port: int) -> int:
    """The established connections of the server at `port`, from the kernel."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return sum(1 for row in rows if int(row[1].split(":")[1], 16) == port and row[3] == "01")
