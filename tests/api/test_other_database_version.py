"""While its database has another version, a site answers every call with 503 and says what to do."""

import html
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from pointsync import db
from tests.api.api_clients import ApiClient
from tests.support.site_template import open_site

FIRST_TABLES = "da1ae12bb3e8"
EARLIER, NEWER = (
    "run: pointsync upgrade",
    "written by a newer PointSync (this one does not know its version of_the_future",
)
PATHS = ("/api/v1/reserves", "/metrics", "/", "/sign-in", "/nowhere", "/wp-json/woorewards/v1/pointsync/ping/default")


@pytest.fixture
def app(data_folder: Path) -> Iterator[Flask]:
    """A site for this test alone, because an application stops checking once the version fits."""
    with open_site(data_folder) as app:
        yield app


def set_database_version(app: Flask, version: str) -> None:
    """Store `version` as the version of the database."""
    with app.app_context(), db.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})


@pytest.mark.parametrize(("version", "message"), [(FIRST_TABLES, EARLIER), ("of_the_future", NEWER)])
def test_every_call_is_refused_until_the_version_fits(
    app: Flask, api_client: ApiClient, version: str, message: str
) -> None:
    set_database_version(app, version)
    for path in PATHS:
        answer = api_client.client.get(path, headers=api_client.headers)
        assert answer.status_code == 503, path
        assert message in html.unescape(answer.text), path
    assert api_client.client.post("/pointsync/v1/ping", data=b"{}").status_code == 503
    health = api_client.client.get("/healthz")
    assert (health.status_code, health.json["status"]) == (503, "error")
    assert message in health.json["reason"]
    with api_client.client.get("/static/icon.svg") as picture:
        assert picture.status_code == 200
    set_database_version(app, db.SCHEMA_VERSION)
    assert api_client.get("/reserves").status_code == 200
    assert api_client.client.get("/healthz").status_code == 200


def test_an_empty_database_is_not_a_site_yet(app: Flask, api_client: ApiClient) -> None:
    with app.app_context(), db.transaction() as session:
        session.execute(text("DROP TABLE alembic_version"))
    answer = api_client.get("/reserves")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "busy")
    assert "no site yet; run: pointsync upgrade" in answer.json["error"]["message"]
