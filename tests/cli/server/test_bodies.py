"""What strangers may send: how large, how much in all, and how broken."""

import errno
import io
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from flask import Flask
from waitress.buffers import TempfileBasedBuffer

from pointsync import clock, db
from pointsync.accounts import admins
from pointsync.web.upload_limits import MAX_BODY_BYTES, MAX_BYTES_BY_PATH
from tests.cli.server.raw_client import RawClient, get_status
from tests.support.apps import create_application, create_site, open_context
from tests.support.panel_client import NAME, PASSWORD, PanelClient
from tests.support.wsgi_server import run_http_server

UPLOAD = "/customers/import"


@pytest.fixture
def site_app(sqlite_url: str, tmp_path: Path) -> Iterator[Flask]:
    app = create_application(sqlite_url, tmp_path)
    with open_context(app):
        create_site()
        db.run_in_transaction(lambda session: admins.create(session, NAME, PASSWORD, clock.now()))
    yield app
    with open_context(app):
        pass


@pytest.fixture
def port(site_app: Flask) -> Iterator[int]:
    with run_http_server(site_app) as port:
        yield port


@pytest.mark.parametrize("path", ["/pointsync/v1/ping", "/api/v1/movements", "/sign-in", "/wp-json/x", "/nowhere"])
def test_a_large_body_is_refused_before_it_is_received(port: int, path: str) -> None:
    with RawClient(port) as client:
        answer = client.head(path, f"Content-Length: {MAX_BODY_BYTES + 1}").wait_until_closed()
    assert answer.startswith(("HTTP/1.1 413 ", "HTTP/1.1 401 ", "HTTP/1.1 404 ")), "without a byte of the body"
    assert "Connection: close" in answer


@pytest.mark.parametrize(
    ("path", "code"), [("/pointsync/v1/movements", '"too_large"'), ("/wp-json/woorewards/v1/pointsync/sync/x", "404")]
)
def test_who_sends_it_all_the_same_still_gets_the_answer(port: int, path: str, code: str) -> None:
    """Closing at once would make the client's system drop the answer."""
    with RawClient(port) as client:
        client.head(path, f"Content-Length: {3 * MAX_BODY_BYTES}").send(b"x" * 3 * MAX_BODY_BYTES)
        assert code in client.wait_until_closed()


def test_but_not_for_ever(port: int) -> None:
    with RawClient(port) as client:
        client.head("/pointsync/v1/ping", f"Content-Length: {100 * MAX_BODY_BYTES}")
        sent = 0
        with suppress(OSError):
            while sent < 100 * MAX_BODY_BYTES:
                sent += client.socket.send(b"x" * MAX_BODY_BYTES)
        assert sent < 20 * MAX_BODY_BYTES, "the rest of them are the system's buffers"


def test_the_same_in_chunks(port: int) -> None:
    with RawClient(port) as client:
        client.head("/pointsync/v1/ping", "Transfer-Encoding: chunked")
        for _ in range(20):
            client.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        answer = client.wait_until_closed()
    assert answer.startswith("HTTP/1.1 413 ")
    assert '"too_large"' in answer


def test_the_largest_body_is_received_and_stays_in_memory(port: int) -> None:
    before = _deleted_files_in_use()
    with RawClient(port) as client:
        client.head("/pointsync/v1/ping", f"Content-Length: {MAX_BODY_BYTES}").send(b"x" * (MAX_BODY_BYTES - 1))
        assert get_status(port)[0] == 200
        assert _deleted_files_in_use() == before
        assert client.send(b"x").wait_for('"bad_signature"').startswith("HTTP/1.1 401 ")


def test_unfinished_bodies_together_are_bounded(site_app: Flask) -> None:
    with run_http_server(site_app, max_held_bytes=4 * MAX_BODY_BYTES) as port, ExitStack() as stack:
        clients = []
        for _ in range(8):
            client = stack.enter_context(RawClient(port))
            client.head("/pointsync/v1/ping", f"Content-Length: {MAX_BODY_BYTES}").send(b"x" * (MAX_BODY_BYTES - 1))
            clients.append(client)
        answer = clients[0].wait_until_closed()
        assert answer.startswith("HTTP/1.1 503 ")
        assert "Retry-After: 1" in answer
        clients[-1].send(b"x").wait_for('"bad_signature"')
        assert get_status(port)[0] == 200


def test_an_upload_needs_an_admin_who_is_signed_in(site_app: Flask, port: int) -> None:
    ada = PanelClient(site_app)
    ada.sign_in_by_cookie()
    cookie, size = f"Cookie: pointsync_session={ada.cookie()}", 3 * MAX_BODY_BYTES
    with RawClient(port) as client:
        client.head(UPLOAD, cookie, f"Content-Length: {size}").send(b"x" * (size - 1))
        assert not client.is_closed
        assert client.send(b"x").wait_for("\r\n\r\n").startswith("HTTP/1.1 400 "), "no token; but it was received"
    with RawClient(port) as client:
        client.head(UPLOAD, cookie, f"Content-Length: {size}", "Expect: 100-continue").wait_for("100 Continue")
        client.send(b"x" * size).wait_for("HTTP/1.1 400 ")
    ada.send("/sign-out", page="/")
    for headers in ((cookie,), (cookie, "Expect: 100-continue"), ("Cookie: pointsync_session=x",), ()):
        with RawClient(port) as client:
            answer = client.head(UPLOAD, *headers, f"Content-Length: {size}").wait_until_closed()
        assert answer.startswith("HTTP/1.1 413 "), headers
    with RawClient(port) as client:
        client.head(UPLOAD, cookie, "Transfer-Encoding: chunked")
        client.send(b"200000\r\n" + b"x" * 0x200000 + b"\r\n")
        assert client.wait_until_closed().startswith("HTTP/1.1 413 ")


def test_an_upload_has_a_limit_too(site_app: Flask, port: int) -> None:
    ada = PanelClient(site_app)
    ada.sign_in_by_cookie()
    with RawClient(port) as client:
        too_large = f"Content-Length: {MAX_BYTES_BY_PATH[UPLOAD] + 1}"
        client.head(UPLOAD, f"Cookie: pointsync_session={ada.cookie()}", too_large)
        assert client.wait_until_closed().startswith("HTTP/1.1 413 ")


def test_an_upload_onto_a_full_disk(site_app: Flask, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullDisk(io.BytesIO):
        def write(self, _data: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(TempfileBasedBuffer, "newfile", lambda _self: FullDisk())
    ada = PanelClient(site_app)
    ada.sign_in_by_cookie()
    with RawClient(port) as client:
        client.head(UPLOAD, f"Cookie: pointsync_session={ada.cookie()}", f"Content-Length: {3 * MAX_BODY_BYTES}")
        assert client.send(b"x" * 2 * MAX_BODY_BYTES).wait_until_closed().startswith("HTTP/1.1 507 ")
    assert get_status(port)[0] == 200


BROKEN = [
    b"\x00\x01\x02\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    b"POST /sign-in HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://[x]:y/ HTTP/1.1\r\nHost: [\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"POST /sign-in HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /sign-in HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;" + b"\x00" * 100 + b"\r\nhello\r\n",
    b"POST /sign-in HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
    b"POST /sign-in HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n-1\r\n",
    b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 6000 + b"\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000,
    b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"\r\n" * 20_000,
    b"POST /sign-in HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * (MAX_BODY_BYTES + 1),
]


@pytest.mark.parametrize("request_bytes", BROKEN, ids=lambda text: ascii(text[:40]))
def test_broken_requests_harm_nobody(port: int, request_bytes: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with RawClient(port) as client:
        client.send(request_bytes)
        with suppress(OSError):
            client.socket.shutdown(socket.SHUT_WR)
        answer = client.wait_until_closed()
    assert answer == "" or answer[8:10] in (" 2", " 3", " 4") or answer[8:12] == " 501"
    status, seconds = get_status(port)
    assert (status, seconds < 2) == (200, True)
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == []


def test_urgent_data_ends_the_connection(port: int) -> None:
    """It would be reported on each turn of the server's loop."""
    with RawClient(port) as client:
        client.socket.send(b"!", socket.MSG_OOB)
        assert client.wait_until_closed() == ""


def _deleted_files_in_use() -> list[str]:
    """The deleted files that this process has open, such as bodies on the disk."""
    return [path for path in map(_read_link, os.scandir("/proc/self/fd")) if path.endswith(" (deleted)")]


def _read_link(entry: os.DirEntry[str]) -> str:
    try:
        return os.readlink(entry.path)
    except OSError:
        return ""
