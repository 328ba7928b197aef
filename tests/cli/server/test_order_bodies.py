"""Large reports of orders: received only if the API key may report them."""

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.accounts import api_keys
from pointsync.runtime import get_runtime
from pointsync.web.upload_limits import MAX_BODY_BYTES, MAX_ORDERS_BODY_BYTES
from pointsync.woocommerce import api_rule
from tests.cli.server.raw_client import RawClient
from tests.support.apps import open_context
from tests.support.wsgi_server import run_http_server

PATH = "/api/v1/orders"
BODY = (
    b'{"shop": "https://shop.example", "orders": [{"id": 17, "status": "completed", "total": "100.00",'
    b' "line_items": [{"id": 1, "total": "100.00"}], "billing": {"email": "a@shop.example"}, "meta_data": "%s"}]}'
)


def create_key(app: Flask, scope: str, per_minute: int | None = None) -> str:
    """The headers of a caller whose key has `scope`."""
    with open_context(app):
        with db.transaction() as session:
            _, key = api_keys.create(session, scope, clock.now(), scopes=[scope], per_minute=per_minute)
        return f"Authorization: Bearer {key}\r\nContent-Type: application/json"


def make_body(size: int) -> bytes:
    return BODY % (b"x" * (size - len(BODY) + 2))


def test_the_largest_report_is_taken_in(site_app: Flask) -> None:
    """By a key that may make one call a minute: that the server asks before is not a second one."""
    headers, body = create_key(site_app, "shop", per_minute=1), make_body(MAX_ORDERS_BODY_BYTES)
    with open_context(site_app), db.transaction() as session:
        api_rule.add(session, get_runtime().vault, key_shop="shop", reserve_key="default", now=clock.now())
    with run_http_server(site_app) as port, RawClient(port) as client:
        client.head(PATH, headers, f"Content-Length: {len(body)}").send(body)
        assert '"status":"applied","points":100' in client.wait_for('"seen_at"').replace(" ", "")


@pytest.mark.parametrize("length", ["Content-Length: {size}", "Transfer-Encoding: chunked"])
def test_what_is_refused_before_it_is_received(site_app: Flask, length: str) -> None:
    reporter, recorder = create_key(site_app, "shop"), create_key(site_app, "record")
    wrong = "Authorization: Bearer psk_wrong\r\nContent-Type: application/json"
    cases = [(wrong, MAX_BODY_BYTES + 1, "401"), (recorder, MAX_BODY_BYTES + 1, "403")]
    if "chunked" not in length:
        cases.append((reporter, MAX_ORDERS_BODY_BYTES + 1, "413"))
    with run_http_server(site_app) as port:
        for headers, size, status in cases:
            with RawClient(port) as client:
                client.head(PATH, headers, length.format(size=size))
                answer = client.wait_until_closed()
                assert answer.startswith(f"HTTP/1.1 {status} ")
                assert status != "413" or "at most 8 MB" in answer


def test_other_calls_of_the_api_stay_small(site_app: Flask) -> None:
    headers = create_key(site_app, "record")
    with run_http_server(site_app) as port, RawClient(port) as client:
        client.head("/api/v1/movements", headers, f"Content-Length: {MAX_BODY_BYTES + 1}")
        answer = client.wait_until_closed()
    assert answer.startswith("HTTP/1.1 413 ")
    assert "at most 1 MB" in answer
