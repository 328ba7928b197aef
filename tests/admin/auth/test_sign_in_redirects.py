"""Where signing in redirects to: always to this site."""

from urllib.parse import quote

import pytest
from flask import Flask

from pointsync.admin.auth.next_path import is_local_path
from tests.support.panel_client import NAME, PASSWORD, PanelClient

LOCAL_TARGETS = ["/", "/?a=b", "/customers?search=a%40b.test", "/a//b", "/a%20b", "/é"]

FOREIGN_TARGETS = [
    "",
    "//evil",
    "//evil.example/a",
    "///evil",
    "/\\evil",
    "\\\\evil",
    "\\/evil",
    "https:evil",
    "https://evil.example",
    "https:/evil",
    "javascript:alert(1)",
    "%2f%2fevil",
    "/%2fevil",
    "/%2f%2fevil",
    "/%252fevil",
    "/%5cevil",
    "/\t/evil",
    "/\n/evil",
    "\t//evil",
    " //evil",
    "/%09/evil",
    "/\0",
    "/a/..//evil",
    "/..",
    "evil",
    "@evil",
    "/" + "a" * 3000,
]


@pytest.mark.parametrize("path", LOCAL_TARGETS)
def test_a_path_of_this_site_is_followed(stranger: PanelClient, path: str) -> None:
    answer = stranger.sign_in(query=f"?next={quote(path, safe='')}")
    assert answer.status_code == 303
    assert answer.location == quote(path, safe="/?=&%")


@pytest.mark.parametrize("path", FOREIGN_TARGETS)
def test_anything_else_redirects_to_the_dashboard(stranger: PanelClient, path: str) -> None:
    query = f"?next={quote(path, safe='')}"
    assert stranger.sign_in(query=query).location == "/"
    assert stranger.get(f"/sign-in{query}").location == "/", "also for whoever is in already"


def test_a_raw_path_is_checked_as_the_browser_sends_it(stranger: PanelClient) -> None:
    for raw in ("%2f%2fevil", "//evil", "%5cevil", "/%5c/evil", "%E2%80%AE", "%ff%fe"):
        assert stranger.get(f"/sign-in?next={raw}").status_code == 200
    assert stranger.sign_in(query="?next=/%252f%252fevil").location == "/"


def test_signing_in_leads_back_to_the_requested_page(app: Flask) -> None:
    visitor = PanelClient(app)
    assert visitor.get("/?show=all").location == "/sign-in?next=/?show%3Dall"
    assert visitor.sign_in(query="?next=/?show%3Dall").location == "/?show=all"


@pytest.mark.parametrize(
    ("path", "stays"),
    [
        ("/back/points/", True),
        ("/back/points/a", True),
        ("/", False),
        ("/back/", False),
        ("/back/points", False),
        ("/back/points/../../a", False),
        ("/back/points/%2e%2e/a", False),
        ("//back/points/", False),
    ],
)
def test_the_path_must_be_below_the_prefix(path: str, stays: bool) -> None:
    assert is_local_path(path, "/back/points") is stays


def test_under_a_prefix_pages_cookies_and_redirects_stay_below_it(app: Flask) -> None:
    client = app.test_client()
    under = {"SCRIPT_NAME": "/back/points", "REMOTE_ADDR": "127.0.0.1"}
    assert client.get("/", environ_overrides=under).location == "/back/points/sign-in"
    page = client.get("/sign-in", environ_overrides=under)
    assert page.headers["Set-Cookie"].endswith("; Path=/back/points; SameSite=Lax")
    assert 'href="/back/points/static/v/' in page.text
    token = page.text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    cookie = page.headers["Set-Cookie"].split(";")[0]
    typed = {"csrf_token": token, "name": NAME, "password": PASSWORD}
    sent = client.post("/sign-in", data=typed, headers={"Cookie": cookie}, environ_overrides=under)
    assert (sent.status_code, sent.location) == (303, "/back/points/")
