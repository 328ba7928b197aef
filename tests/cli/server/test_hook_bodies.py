"""Large deliveries to hooks: received only if the hook exists, on the disk, and within the bound of all bodies."""

import base64
import hashlib
import hmac
import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.runtime import get_runtime
from pointsync.web.upload_limits import MAX_BODY_BYTES, MAX_ORDERS_BODY_BYTES
from pointsync.woocommerce import hooks
from tests.cli.server.raw_client import RawClient, get_status
from tests.support.apps import open_context
from tests.support.process import wait_until
from tests.support.wsgi_server import run_http_server

SECRET = "probe-secret"
ORDER = (
    b'{"id": 17, "status": "completed", "total": "100.00", "line_items": [{"id": 1, "total": "100.00"}],'
    b' "billing": {"email": "a@shop.example"}, "meta_data": "%s"}'
)
UNKNOWN = f"/hooks/woocommerce/{'0' * 32}"


@pytest.fixture
def path(site_app: Flask) -> str:
    """The path of a hook."""
    with open_context(site_app):
        hook = db.run_in_transaction(
            lambda session: hooks.add(
                session, get_runtime().vault, name="shop", secret=SECRET, reserve_key="default", now=clock.now()
            )
        )
        return hooks.delivery_url(hook, None)


def sign(body: bytes) -> str:
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
    return f"X-WC-Webhook-Signature: {base64.b64encode(digest).decode()}"


def test_the_largest_delivery_is_recorded(site_app: Flask, path: str) -> None:
    body = ORDER % (b"x" * (MAX_ORDERS_BODY_BYTES - len(ORDER) + 2))
    assert len(body) == MAX_ORDERS_BODY_BYTES
    headers = (sign(body), "X-WC-Webhook-Topic: order.created", "X-WC-Webhook-Source: https://shop.example/")
    with run_http_server(site_app) as port:
        with RawClient(port) as client:
            client.head(path, *headers, f"Content-Length: {len(body)}").send(body)
            assert '"recorded"' in client.wait_for('"message"')
        with RawClient(port) as client:
            client.head(path, *headers, "Transfer-Encoding: chunked")
            client.send(b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
            assert '"duplicate"' in client.wait_for('"message"')


@pytest.mark.parametrize("headers", [("Content-Length: {size}",), ("Transfer-Encoding: chunked",)])
def test_what_is_refused_before_it_is_received(site_app: Flask, path: str, headers: tuple[str, ...]) -> None:
    cases = [(UNKNOWN, MAX_ORDERS_BODY_BYTES, "404")]
    if "chunked" not in headers[0]:
        cases.append((path, MAX_ORDERS_BODY_BYTES + 1, "413"))
    with run_http_server(site_app) as port:
        for target, size, status in cases:
            with RawClient(port) as client:
                client.head(target, *(each.format(size=size) for each in headers))
                assert client.wait_until_closed().startswith(f"HTTP/1.1 {status} ")


def test_unfinished_deliveries_are_on_the_disk_and_bounded(site_app: Flask, path: str) -> None:
    """Who knows the URL, but not the secret, cannot make the site hold more than the bound of all bodies."""
    limit = 2 * MAX_ORDERS_BODY_BYTES
    with run_http_server(site_app, max_held_bytes=limit) as port, ExitStack() as stack:
        clients = []
        for _ in range(6):
            client = stack.enter_context(RawClient(port))
            client.head(path, f"Content-Length: {MAX_ORDERS_BODY_BYTES}").send(b"x" * (MAX_ORDERS_BODY_BYTES - 1))
            clients.append(client)
            wait_until(lambda: _bytes_on_disk() <= limit, 10, "there is no more on the disk than the bound")
        assert clients[0].wait_until_closed().startswith("HTTP/1.1 503 ")
        wait_until(lambda: sum(not client.is_closed for client in clients) == 1, 10, "the others are closed, too")
        assert MAX_BODY_BYTES < _bytes_on_disk() <= limit
        assert clients[-1].send(b"x").wait_for('"bad_signature"').startswith("HTTP/1.1 401 ")
        assert get_status(port)[0] == 200


def _bytes_on_disk() -> int:
    """The size of the deleted files that this process has open."""
    sizes = 0
    for each in Path("/proc/self/fd").iterdir():
        try:
            if os.readlink(each).endswith(" (deleted)"):
                sizes += each.stat().st_size
        except OSError:  # closed meanwhile
            continue
    return sizes
