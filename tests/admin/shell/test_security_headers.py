"""The security headers of every page, and the cookies' attributes."""

import re

import pytest
from flask import Flask

from tests.support.panel_client import PanelClient

PATHS = ["/", "/sign-in", "/sign-out", "/setup/x", "/nothing", "/static/nothing"]
STRICT = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("signed_in", [False, True])
def test_every_page_has_strict_headers(request: pytest.FixtureRequest, path: str, signed_in: bool) -> None:
    visitor: PanelClient = request.getfixturevalue("ada" if signed_in else "stranger")
    headers = visitor.get(path).headers
    assert {part.strip() for part in headers["Content-Security-Policy"].split(";")} == STRICT | {
        "frame-ancestors 'none'"
    }
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("settings", "old"),
    [
        ({"POINTSYNC_FRAME_ANCESTORS": "'none'"}, "DENY"),
        ({"POINTSYNC_FRAME_ANCESTORS": "'self'"}, "SAMEORIGIN"),
        ({"POINTSYNC_FRAME_ANCESTORS": "https://shop.example"}, None),
        ({"POINTSYNC_FRAME_ANCESTORS": "'self' https://shop.example https://two.example"}, None),
    ],
)
def test_frame_ancestors(app_without_admin: Flask, settings: dict[str, str], old: str | None) -> None:
    headers = PanelClient(app_without_admin).get("/sign-in").headers
    ancestors = settings["POINTSYNC_FRAME_ANCESTORS"]
    assert headers["Content-Security-Policy"].endswith(f"; frame-ancestors {ancestors}")
    assert headers.get("X-Frame-Options") == old


@pytest.mark.parametrize("path", ["/", "/points-and-rewards", "/sign-in", "/nothing"])
def test_scripts_and_styles_are_separate_files(request: pytest.FixtureRequest, path: str) -> None:
    for who in ("stranger", "ada"):
        text = request.getfixturevalue(who).get(path, follow_redirects=True).text
        [script] = re.findall(r"<script.*?>.*?</script>", text)
        assert re.fullmatch(r'<script type="module" src="/static/v/[0-9a-f]{12}/js/panel.js"></script>', script)
        assert "<style" not in text
        assert not re.search(r"<[^>]*\s(style|on[a-z]+)=", text)


def test_styles_are_sent_with_nosniff(stranger: PanelClient) -> None:
    answer = stranger.get("/static/css/tokens.css")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.mimetype == "text/css"
    assert "Set-Cookie" not in answer.headers


def cookies(app: Flask, scheme: str) -> list[str]:
    visitor = PanelClient(app)
    base = f"{scheme}://localhost"
    token = visitor.get("/sign-in", base_url=base)
    found = token.text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    typed = {"csrf_token": found, "name": "Ada", "password": "correct horse battery"}
    answer = visitor.post("/sign-in", typed, base_url=base)
    assert answer.status_code == 303
    return answer.headers.getlist("Set-Cookie")


def test_cookies_are_hidden_from_scripts_and_other_sites(app: Flask) -> None:
    for cookie in cookies(app, "http"):
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie
        assert "Secure" not in cookie


def test_cookies_are_secure_over_tls(app: Flask) -> None:
    assert all("Secure" in cookie and "SameSite=Lax" in cookie for cookie in cookies(app, "https"))


@pytest.mark.parametrize("settings", [{"POINTSYNC_FRAME_ANCESTORS": "https://shop.example"}])
def test_cookies_are_partitioned_in_another_sites_frame(app: Flask) -> None:
    for cookie in cookies(app, "https"):
        assert "SameSite=None" in cookie
        assert "Secure" in cookie
        assert "Partitioned" in cookie
    assert all("SameSite=Lax" in cookie and "Partitioned" not in cookie for cookie in cookies(app, "http"))
