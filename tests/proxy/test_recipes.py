"""The README's recipes: who gets in, who does not, and what callers may not say themselves."""

import re
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any

import pytest
import requests
from flask import Flask

from pointsync import clock
from pointsync.accounts import api_keys
from tests.proxy.conftest import ROOT, Front
from tests.support.panel_client import TOKEN
from tests.support.process import Answer
from tests.support.site_template import change

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


def past(direct: str, path: str, headers: Mapping[str, str], peer: str) -> Answer:
    """A call to the site itself, past the proxy, from another address of this machine."""
    connection = HTTPConnection(direct.removeprefix("http://"), timeout=30, source_address=(peer, 0))
    try:
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode(), answer.headers)
    finally:
        connection.close()


def get(front: Front, path: str, name: str | None = "alice", **headers: str) -> requests.Response:
    """A page, in a browser with the shop's cookie for `name`."""
    return front.browser(name).get(front.url + path, headers=headers, allow_redirects=False)


def test_whom_the_back_office_knows_is_in(front: Front) -> None:
    page = get(front, f"{ROOT}/")
    assert page.status_code == 200
    assert "<bdi>alice</bdi>" in page.text
    assert "by the shop’s proxy" in page.text
    cookie = page.headers["Set-Cookie"]
    assert f"; Path={ROOT};" in cookie
    assert "Secure; HttpOnly" in cookie, "the proxy has told that it is TLS"


def test_who_is_not_signed_in_there_never_gets_here(front: Front) -> None:
    answer = get(front, f"{ROOT}/", None, **FORGED)
    if front.kind == "caddy":
        assert answer.status_code == 401
    else:
        assert (answer.status_code, answer.headers["Location"]) == (302, f"{front.url}/back-office/sign-in")
    assert "pointsync" not in str(answer.headers)


def test_who_is_no_admin_is_told_so_whatever_they_say(front: Front) -> None:
    answer = get(front, f"{ROOT}/", "mallory", **FORGED)
    assert answer.status_code == 403
    assert "“mallory”, who is no admin" in answer.text
    assert "evil" not in answer.text


def test_what_a_caller_says_is_replaced(front: Front) -> None:
    page = get(front, f"{ROOT}/system/points-sync", **FORGED)
    assert page.status_code == 200
    assert "evil" not in page.text
    assert "evil" not in str(page.headers)
    assert 'value="https://shop.example/points"' in page.text


def test_past_the_proxy_nothing_is_believed(direct: str) -> None:
    answer = past(direct, "/", FORGED, "127.0.0.3")
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")
    page = past(direct, "/sign-in", FORGED, "127.0.0.3")
    assert "evil" not in page.body
    assert "Path=/;" in page.headers["Set-Cookie"]
    assert "Secure" not in page.headers["Set-Cookie"]
    assert past(direct, "/", FORGED | {"X-Forwarded-Prefix": ROOT}, "127.0.0.1").status == 200, (
        "the proxy's own address"
    )


def test_a_form_is_sent_and_leads_on_within_the_prefix(front: Front) -> None:
    browser = front.browser()
    page = browser.get(f"{front.url}{ROOT}/customers")
    token = TOKEN.search(page.text)
    assert token
    typed = {"csrf_token": token[1]}
    sent = browser.post(f"{front.url}{ROOT}/customers/export", typed, allow_redirects=False)
    assert (sent.status_code, sent.headers["Location"][: len(ROOT) + 14]) == (303, f"{ROOT}/system/works/")
    assert "alice" in browser.get(front.url + sent.headers["Location"]).text
    crossed = browser.post(f"{front.url}{ROOT}/customers/export", typed, headers={"Sec-Fetch-Site": "cross-site"})
    assert crossed.status_code == 400
    out = browser.post(f"{front.url}{ROOT}/sign-out", typed)
    assert "It says so with each page: to leave, sign out there." in out.text


@pytest.mark.parametrize("path", ["", "/", "//customers", "/customers/", "/sign-in?next=//evil.example", "/nothing"])
def test_wherever_it_begins_it_stays(front: Front, path: str) -> None:
    browser, url = front.browser(), front.url + ROOT + path
    for _ in range(4):
        answer = browser.get(url, allow_redirects=False)
        if answer.status_code not in (301, 302, 303, 307, 308):
            break
        there = requests.compat.urljoin(url, answer.headers["Location"])
        assert there.startswith(f"{front.url}{ROOT}/")
        url = there
    assert answer.status_code in (200, 404)
    assert not re.search(rf'(href|src|action)="(?!{ROOT}/|#|https://shop-)', answer.text)


def test_shops_and_sites_call_past_the_sign_in(front: Front, app: Flask) -> None:
    _, key = change(app, lambda session: api_keys.create(session, f"shop-{front.kind}", clock.now()))
    bearer = {"Authorization": f"Bearer {key}"}

    def ask(method: str, path: str, **more: Any) -> requests.Response:
        return front.browser(None).request(method, front.url + POINTS + path, allow_redirects=False, **more)

    assert ask("GET", "/api/v1/reserves", headers=bearer).status_code == 200
    assert ask("GET", "/api/v1/reserves", headers=FORGED).status_code == 401
    odd = "o'connor%2Bpoints/tea@shop.example"
    sent = {"customer": "o'connor+points/tea@shop.example", "points": 5, "ref": front.kind}
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


def test_the_local_url_is_the_public_one_whatever_the_host(nginx: Front) -> None:
    for host in ("evil.example", "evil.example:99"):
        page = get(nginx, f"{ROOT}/system/points-sync", Host=host)
        assert 'value="https://shop.example/points"' in page.text
        assert "evil" not in page.text
        assert "evil" not in str(page.headers)
