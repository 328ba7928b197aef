"""No request causes a 500: bad requests get an error page with a message."""

import io

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import EnvironBuilder

from pointsync import db
from tests.support.panel_client import NAME, PASSWORD, PanelClient

FORM = "application/x-www-form-urlencoded"

BODIES = [
    (FORM, b"\xff\xfe=%zz&name=%00&password=%C3%28"),
    (FORM, b"name=" + b"a" * 600_000),
    (FORM, b"&".join(b"a%d=b" % number for number in range(20_000))),
    (f"{FORM}; charset=utf-16", b"name=a"),
    (f"{FORM}; charset=nonsense", b"name=a"),
    ("multipart/form-data", b"--x\r\n"),
    ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=csrf_token\r\n\r\n"),
    ("multipart/form-data; boundary=x", b"--y\r\n\0\r\n--x--"),
    ("multipart/form-data; boundary=\xff", b"--x--"),
    (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n" * 2000 + b"--x--",
    ),
    ("application/json", b'{"csrf_token": 1}'),
    ("nonsense", b"\0" * 100),
    ("", b""),
    (FORM, b"a" * (2 * 1024 * 1024 + 1)),
]
COOKIES = [
    "pointsync_session=x",
    "pointsync_session=.a.b",
    "pointsync_session=\xff\xfe",
    "pointsync_session=" + "a" * 8000,
    "pointsync_session=eyJfdXNlcl9pZCI6IjEifQ.x.y",
    "remember_token=x|\xe9",
    "remember_token=1|" + "0" * 128,
    "pointsync_known=\xff; pointsync_session",
    "=; ;; =x; a",
    "\0",
]
PATHS = [
    "/%00",
    "/%ff",
    "/a%0ab",
    "/setup/%00",
    "/setup/%ff%fe",
    "/..%2f",
    "/static/%00",
    "/static/../",
]


@pytest.mark.parametrize(("kind", "body"), BODIES)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/", "/setup/x", "/nothing"])
def test_bad_bodies_are_refused(stranger: PanelClient, path: str, kind: str, body: bytes) -> None:
    answer = stranger.post(path, io.BytesIO(body), content_type=kind, content_length=len(body))
    assert answer.status_code in (400, 404, 405, 413)
    assert answer.mimetype == "text/html"
    assert "<h1" in answer.text


def test_garbage_with_a_valid_token_is_refused(app: Flask) -> None:
    for fields in ({"name": "\0"}, {"name": "\ud7ff\U0010ffff"}, {"password": "\0" * 1000}, {"name": "a" * 30_000}):
        assert PanelClient(app).sign_in(**({"name": NAME, "password": PASSWORD} | fields)).status_code == 422


@pytest.mark.parametrize("cookie", COOKIES)
def test_bad_cookies_sign_nobody_in(app: Flask, cookie: str) -> None:
    for path in ("/", "/sign-in", "/nothing", "/static/css/tokens.css"):
        builder = EnvironBuilder(path)
        builder.headers["Cookie"] = cookie
        answer = app.test_client(use_cookies=False).open(builder, buffered=True)
        assert answer.status_code in (200, 303, 404)
        assert answer.status_code == 303 or path != "/"


@pytest.mark.parametrize("path", PATHS)
def test_bad_paths_are_refused(ada: PanelClient, path: str) -> None:
    assert ada.get(path).status_code in (308, 400, 404)


def test_additional_slashes_are_ignored(ada: PanelClient) -> None:
    assert ada.get("//").status_code == 200
    assert ada.get("/sign-in/").location == "/", "the redirect has no host, which the caller could choose"


@pytest.mark.parametrize("host", ["a b", "evil.example", "[::1", "\xff", "a:99999", "x/../y", "<script>", "", "a@b"])
def test_bad_hosts_are_not_used_in_redirects(app: Flask, host: str) -> None:
    for path in ("/", "/sign-in", "/nothing"):
        answer = PanelClient(app).get(path, headers={"Host": host})
        assert answer.status_code in (200, 303, 400, 404)
        assert (answer.location or "/").startswith("/")
        assert "evil.example" not in answer.text
    typed = {"name": NAME, "password": PASSWORD}
    assert PanelClient(app).post("/sign-in", typed, headers={"Host": host, "Origin": "http://[a"}).status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "NONSENSE"])
def test_other_methods_get_the_allowed_ones(ada: PanelClient, method: str) -> None:
    answer = ada._open("/sign-in", method=method)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert "<h1" in answer.text


def test_a_missing_page_has_the_panels_styles(stranger: PanelClient) -> None:
    answer = stranger.get("/<script>alert(1)</script>")
    assert answer.status_code == 404
    assert "Page not found" in answer.text
    assert "alert(1)" not in answer.text
    assert "/panel.css" in answer.text


def test_a_bug_gets_an_error_page(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setitem(app.view_functions, "admin.sign_in", fail)
    answer = PanelClient(app).get("/sign-in")
    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    assert "secret detail" not in answer.text
    assert "frame-ancestors" in answer.headers["Content-Security-Policy"]


def test_a_database_that_is_not_upgraded(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), db.transaction() as session:
        session.execute(text("ALTER TABLE sign_in RENAME TO sign_in_away"))
    answer = ada.get("/")
    assert answer.status_code == 503
    assert "pointsync upgrade" in answer.text
    assert answer.headers["Retry-After"]
