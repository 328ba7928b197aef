"""Forms that were not sent from the panel get 400 and change nothing."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from pointsync import db
from pointsync.models import SignIn
from tests.support.panel_client import NAME, PASSWORD, PanelClient

TYPED = {"name": NAME, "password": PASSWORD}

FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:8081"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://[::1"},
]
OWN = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.example"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost"},
    {"Origin": "https://localhost"},
]


def sign_ins(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(SignIn)) or 0


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_form_from_another_site_is_refused(app: Flask, headers: dict[str, str]) -> None:
    visitor = PanelClient(app)
    answer = visitor.post("/sign-in", TYPED | {"csrf_token": visitor.token()}, headers=headers)
    assert answer.status_code == 400
    assert "sent from another site" in answer.text
    assert sign_ins(app) == 0


@pytest.mark.parametrize("headers", OWN)
def test_a_form_from_the_panel_is_accepted(app: Flask, headers: dict[str, str]) -> None:
    visitor = PanelClient(app)
    assert visitor.post("/sign-in", TYPED | {"csrf_token": visitor.token()}, headers=headers).status_code == 303


@pytest.mark.parametrize(
    "settings",
    [
        {"POINTSYNC_PUBLIC_URL": "https://shop.example/points"},
        {"POINTSYNC_PUBLIC_URL": "https://Shop.Example:443/points/"},
    ],
)
def test_the_public_url_is_accepted(app: Flask) -> None:
    visitor = PanelClient(app)
    sent = {"data": TYPED | {"csrf_token": visitor.token()}, "headers": {"Origin": "https://shop.example"}}
    assert visitor.post("/sign-in", **sent).status_code == 303


@pytest.mark.parametrize("token", [None, "", "x", "é", "\0", "a.b.c", "x" * 10_000])
def test_a_form_without_its_token_is_refused(app: Flask, token: str | None) -> None:
    visitor = PanelClient(app)
    visitor.get("/sign-in")
    answer = visitor.post("/sign-in", TYPED if token is None else TYPED | {"csrf_token": token})
    assert answer.status_code == 400
    assert "out of date" in answer.text
    assert sign_ins(app) == 0


def test_a_form_with_another_sessions_token_is_refused(app: Flask) -> None:
    visitor = PanelClient(app)
    visitor.get("/sign-in")
    assert visitor.post("/sign-in", TYPED | {"csrf_token": PanelClient(app).token()}).status_code == 400
    assert sign_ins(app) == 0


def test_signing_out_needs_its_token(app: Flask, ada: PanelClient) -> None:
    assert ada.post("/sign-out").status_code == 400
    assert ada.post("/sign-out", {"csrf_token": PanelClient(app).token()}).status_code == 400
    assert ada.is_in()


def test_the_setup_form_needs_its_token(app_without_admin: Flask, setup_link: str) -> None:
    visitor = PanelClient(app_without_admin)
    visitor.get(setup_link)
    assert visitor.post(setup_link, TYPED | {"again": PASSWORD}).status_code == 400
    assert visitor.get(setup_link).status_code == 200


def test_requests_of_shops_and_sites_need_no_token_and_read_no_cookie(app: Flask, ada: PanelClient) -> None:
    for path in ("/api/v1/movements", "/pointsync/v1/ping", "/hooks/woocommerce/x", "/metrics"):
        with_cookie, without = ada.post(path, b"{}"), PanelClient(app).post(path, b"{}")
        assert with_cookie.status_code == without.status_code != 400 or with_cookie.data == without.data
        assert "Set-Cookie" not in with_cookie.headers
        assert "Cookie" not in with_cookie.headers.get("Vary", "")
    assert ada.get("/api/v1/remotes").status_code == 401, "a signed-in browser is not an API key"
