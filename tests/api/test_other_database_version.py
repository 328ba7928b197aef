"""A site behind any WSGI server answers nobody while its database is of another version, and says what to do."""

import html
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from pointsync import db
from tests.api.api_clients import Shop
from tests.support.site_template import opened

FIRST_TABLES = "da1ae12bb3e8"
EARLIER, NEWER = "run: pointsync upgrade", "written by a newer PointSync (it is at of_the_future"
PATHS = ("/api/v1/reserves", "/metrics", "/", "/sign-in", "/nowhere", "/wp-json/woorewards/v1/pointsync/ping/default")


@pytest.fixture
def app(data: Path) -> Iterator[Flask]:
    """One of the test's own: an application looks until the version fits, and then no more."""
    with opened(data) as app:
        yield app


def put_at(app: Flask, version: str) -> None:
    """Let the database say that it is of that version."""
    with app.app_context(), db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})


@pytest.mark.parametrize(("version", "said"), [(FIRST_TABLES, EARLIER), ("of_the_future", NEWER)])
def test_nobody_is_answered_until_it_fits(app: Flask, shop: Shop, version: str, said: str) -> None:
    put_at(app, version)
    for path in PATHS:
        answer = shop.client.get(path, headers=shop.headers)
        assert answer.status_code == 503, path
        assert said in html.unescape(answer.text), path
    assert shop.client.post("/pointsync/v1/ping", data=b"{}").status_code == 503
    health = shop.client.get("/healthz")
    assert (health.status_code, health.json["status"]) == (503, "error")
    assert said in health.json["reason"]
    with shop.client.get("/static/icon.svg") as picture:
        assert picture.status_code == 200
    put_at(app, db.VERSION)
    assert shop.get("/reserves").status_code == 200
    assert shop.client.get("/healthz").status_code == 200


def test_an_empty_database_is_no_site_yet(app: Flask, shop: Shop) -> None:
    with app.app_context(), db.write() as session:
        session.execute(text("DROP TABLE alembic_version"))
    answer = shop.get("/reserves")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "busy")
    assert "no site yet; run: pointsync upgrade" in answer.json["error"]["message"]
