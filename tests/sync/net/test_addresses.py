"""Where the outgoing door may call, by the addresses behind a name, and where it never does."""

import ipaddress
import socket

import pytest

from pointsync.net.http_client import Client, PassingFailure, PermanentFailure
from tests.support.scripted_server import OK, MakeClient, Serve, always, fails, get


def test_nobody_listens(client: Client) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with fails(PassingFailure, "refused_connection", reached=False):
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
def test_a_url_that_leads_nowhere(client: Client, url: str) -> None:
    with fails(PassingFailure, "unknown_host", reached=False, within=5.0):
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
def test_some_addresses_are_never_called(client: Client, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *args: pytest.fail("it connects"))
    with fails(PermanentFailure, "blocked_address", reached=False):
        get(client, url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "127.1", "[::ffff:127.0.0.1]"])
def test_private_addresses_need_leave(make_client: MakeClient, serve: Serve, host: str) -> None:
    server = serve(always(OK))
    with fails(PermanentFailure, "blocked_address", reached=False):
        get(make_client(allow_private=False), f"http://{host}:{server.port}/")
    assert server.connections == 0


def test_a_name_is_judged_by_the_addresses_behind_it(
    client: Client, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(always(OK))

    def found(*addresses: str) -> None:
        entries = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.port))
            for address in addresses
            if ipaddress.ip_address(address)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: entries)

    found("169.254.169.254")
    with fails(PermanentFailure, "blocked_address", reached=False):
        get(client, "http://shop.example/")
    found("169.254.169.254", "127.0.0.1")
    assert get(client, "http://shop.example/").body == b"ok"
