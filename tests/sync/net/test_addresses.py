"""The addresses that the HTTP client may and must not call."""

import ipaddress
import socket

import pytest

from pointsync.net.call import PermanentCallError, TransientCallError
from pointsync.net.http_client import HttpClient
from tests.support.scripted_server import OK, CreateClient, StartServer, answer_always, expect_call_failed, get


def test_a_closed_port(client: HttpClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with expect_call_failed(TransientCallError, "refused_connection", was_sent=False):
            get(client, f"http://127.0.0.1:{unused.getsockname()[1]}/")


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.invalid/",
        "http://a..b/",
        f"http://{'a' * 300}.example/",
        "http://[::1/",
        "http://h:99999/",
        "http://h:x/",
        "http://*.example/",
        "http://h\x00x/",
        "http://\ud800/",
        "http://good.example\\@127.0.0.1/",
        "ftp://shop.example/",
        "shop.example",
        "http://",
        "",
    ],
)
def test_an_invalid_url(client: HttpClient, url: str) -> None:
    with expect_call_failed(TransientCallError, "unknown_host", was_sent=False, within=5.0):
        get(client, url)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/",
        "http://2852039166/",
        "http://[::ffff:169.254.169.254]/",
        "http://0.0.0.0/",
        "http://0/",
    ],
)
def test_some_addresses_are_never_called(client: HttpClient, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *args: pytest.fail("it connects"))
    with expect_call_failed(PermanentCallError, "blocked_address", was_sent=False):
        get(client, url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "127.1", "[::ffff:127.0.0.1]"])
def test_private_addresses_need_permission(make_client: CreateClient, serve: StartServer, host: str) -> None:
    server = serve(answer_always(OK))
    with expect_call_failed(PermanentCallError, "blocked_address", was_sent=False):
        get(make_client(allow_private=False), f"http://{host}:{server.port}/")
    assert server.connections == 0


def test_a_name_is_judged_by_the_addresses_behind_it(
    client: HttpClient, serve: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(answer_always(OK))

    def found(*addresses: str) -> None:
        entries = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.port))
            for address in addresses
            if ipaddress.ip_address(address)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: entries)

    found("169.254.169.254")
    with expect_call_failed(PermanentCallError, "blocked_address", was_sent=False):
        get(client, "http://shop.example/")
    found("169.254.169.254", "127.0.0.1")
    assert get(client, "http://shop.example/").body == b"ok"
