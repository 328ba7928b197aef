"""The manual's recipes: who can sign in, who cannot, and which headers of callers are ignored."""

import re
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any

import pytest
import requests
from flask import Flask

from pointsync import clock
from pointsync.accounts import api_keys
from tests.proxy.conftest import PREFIX, Proxy
from tests.support.panel_client import CSRF_FIELD
from tests.support.process import HttpAnswer
from tests.support.site_template import run_in_transaction

FORGED = {
    "X-Forwarded-User": "alice",
    "X_Forwarded_User": "alice",
    "X-Forwarded-Prefix": "//evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-For": "127.0.0.1",
    "X-Real-IP": "127.0.0.1",
    "X-Script-Name": "/evil",
    "Script-Name": "/evil",
    "Forwarded": "for=127.0.0.1;host=evil.example;proto=gopher",
    "Remote-User": "alice",
}
POINTS = "/points"


def call_directly(direct: str, path: str, headers: Mapping[str, str], peer: str) -> HttpAnswer:
    """Call the site itself, past the proxy, from the address `peer` of this machine."""
    connection = HTTPConnection(direct.removeprefix("http://"), timeout=30, source_address=(peer, 0))
    try:
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        return HttpAnswer(answer.status, answer.read().decode(), answer.headers)
    finally:
        connection.close()


def get_page(front: Proxy, path: str, name: str | None = "alice", **headers: str) -> requests.Response:
    """A page, in a browser with the shop's cookie for `name`."""
    return front.browser(name).get(front.url + path, headers=headers, allow_redirects=False)


def test_a_user_of_the_back_office_is_signed_in(proxy: Proxy) -> None:
    page = get_page(proxy, f"{PREFIX}/")
    assert page.status_code == 200
    assert "<bdi>alice</bdi>" in page.text
    assert "by the shop’s proxy" in page.text
    cookie = page.headers["Set-Cookie"]
    assert f"; Path={PREFIX};" in cookie
    assert "Secure; HttpOnly" in cookie, "the proxy said that the connection uses TLS"


def test_the_proxy_stops_callers_who_are_not_signed_in(proxy: Proxy) -> None:
    answer = get_page(proxy, f"{PREFIX}/", None, **FORGED)
    if proxy.kind == "caddy":
        assert answer.status_code == 401
    else:
        assert (answer.status_code, answer.headers["Location"]) == (302, f"{proxy.url}/back-office/sign-in")
    assert "pointsync" not in str(answer.headers)


def test_a_user_who_is_not_an_admin_is_refused_whatever_headers_they_send(proxy: Proxy) -> None:
    answer = get_page(proxy, f"{PREFIX}/", "mallory", **FORGED)
    assert answer.status_code == 403
    assert "“mallory”, who is not an admin" in answer.text
    assert "evil" not in answer.text


def test_the_proxy_replaces_forged_headers(proxy: Proxy) -> None:
    page = get_page(proxy, f"{PREFIX}/system/points-sync", **FORGED)
    assert page.status_code == 200
    assert "evil" not in page.text
    assert "evil" not in str(page.headers)
    assert 'value="https://shop.example/points"' in page.text


def test_headers_are_ignored_from_callers_past_the_proxy(direct_url: str) -> None:
    answer = call_directly(direct_url, "/", FORGED, "127.0.0.3")
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")
    page = call_directly(direct_url, "/sign-in", FORGED, "127.0.0.3")
    assert "evil" not in page.body
    assert "Path=/;" in page.headers["Set-Cookie"]
    assert "Secure" not in page.headers["Set-Cookie"]
    assert call_directly(direct_url, "/", FORGED | {"X-Forwarded-Prefix": PREFIX}, "127.0.0.1").status == 200, (
        "the proxy's own address"
    )


def test_a_form_redirects_within_the_prefix(proxy: Proxy) -> None:
    browser = proxy.browser()
    page = browser.get(f"{proxy.url}{PREFIX}/customers")
    token = CSRF_FIELD.search(page.text)
    assert token
    typed = {"csrf_token": token[1]}
    sent = browser.post(f"{proxy.url}{PREFIX}/customers/export", typed, allow_redirects=False)
    assert (sent.status_code, sent.headers["Location"][: len(PREFIX) + 14]) == (303, f"{PREFIX}/system/works/")
    assert "alice" in browser.get(proxy.url + sent.headers["Location"]).text
    crossed = browser.post(f"{proxy.url}{PREFIX}/customers/export", typed, headers={"Sec-Fetch-Site": "cross-site"})
    assert crossed.status_code == 400
    out = browser.post(f"{proxy.url}{PREFIX}/sign-out", typed)
    assert "To sign out, sign out of the shop’s back office." in out.text


@pytest.mark.parametrize("path", ["", "/", "//customers", "/customers/", "/sign-in?next=//evil.example", "/nothing"])
def test_redirects_and_links_stay_within_the_prefix(proxy: Proxy, path: str) -> None:
    browser, url = proxy.browser(), proxy.url + PREFIX + path
    for _ in range(4):
        answer = browser.get(url, allow_redirects=False)
        if answer.status_code not in (301, 302, 303, 307, 308):
            break
        there = requests.compat.urljoin(url, answer.headers["Location"])
        assert there.startswith(f"{proxy.url}{PREFIX}/")
        url = there
    assert answer.status_code in (200, 404)
    assert not re.search(rf'(href|src|action)="(?!{PREFIX}/|#|https://shop-)', answer.text)


def test_shops_and_sites_need_no_sign_in(proxy: Proxy, app: Flask) -> None:
    _, key = run_in_transaction(app, lambda session: api_keys.create(session, f"shop-{proxy.kind}", clock.now()))
    bearer = {"Authorization": f"Bearer {key}"}

    def ask(method: str, path: str, **more: Any) -> requests.Response:
        return proxy.browser(None).request(method, proxy.url + POINTS + path, allow_redirects=False, **more)

    assert ask("GET", "/api/v1/reserves", headers=bearer).status_code == 200
    assert ask("GET", "/api/v1/reserves", headers=FORGED).status_code == 401
    odd = "o'connor%2Bpoints/tea@shop.example"
    sent = {"customer": "o'connor+points/tea@shop.example", "points": 5, "ref": proxy.kind}
    assert ask("POST", "/api/v1/movements", headers=bearer, json=sent).status_code == 201
    assert ask("GET", f"/api/v1/customers/{odd.replace('/', '%2F')}", headers=bearer).status_code == 200
    assert ask("GET", "/api/docs").status_code == 200
    assert f'"{POINTS}/api/v1"' in ask("GET", "/api/v1/openapi.json").text
    ping = ask("POST", "/pointsync/v1/ping", data="{}")
    assert (ping.status_code, ping.json()["error"]["code"]) == (401, "bad_signature")
    assert ask("POST", "/hooks/woocommerce/x", data="{}").json()["error"]["code"] == "not_found"
    assert (
        ask("GET", "/wp-json/woorewards/v1/pointsync/ping/default")
        .headers["Content-Type"]
        .startswith("application/json")
    )
    for path in ("/", "/system/general", "/sign-in", "/metrics"):
        assert "PointSync" not in ask("GET", path, headers=FORGED).text, "the panel has no second door"


def test_the_local_url_is_the_public_one_for_any_host_header(nginx: Proxy) -> None:
    for host in ("evil.example", "evil.example:99"):
        page = get_page(nginx, f"{PREFIX}/system/points-sync", Host=host)
        assert 'value="https://shop.example/points"' in page.text
        assert "evil" not in page.text
        assert "evil" not in str(page.headers)
