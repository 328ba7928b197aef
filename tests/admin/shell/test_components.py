"""The page of all components, for developers only."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.accounts import admins
from tests.support.panel_client import NAME, PASSWORD, PanelClient
from tests.support.paths import PACKAGE
from tests.support.site_template import open_site

PARTS = PACKAGE / "templates" / "admin" / "parts"


@pytest.fixture
def debug_app(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """A site in debug mode, with one admin."""
    monkeypatch.setenv("FLASK_DEBUG", "1")
    with open_site(data_folder) as app:
        with app.app_context():
            db.run_in_transaction(lambda session: admins.create(session, NAME, PASSWORD, clock.now()))
        yield app


def test_it_does_not_exist_in_production(app: Flask, ada: PanelClient) -> None:
    assert ada.get("/components").status_code == 404
    assert "admin.components" not in app.view_functions


def test_it_needs_a_signed_in_admin(debug_app: Flask) -> None:
    visitor = PanelClient(debug_app)
    assert visitor.get("/components").location == "/sign-in?next=/components"
    visitor.sign_in()
    answer = visitor.get("/components")
    assert answer.status_code == 200
    assert "frame-ancestors" in answer.headers["Content-Security-Policy"]
    assert visitor.send("/components").status_code == 405


def test_every_part_is_on_it(debug_app: Flask) -> None:
    """Every macro of every part is imported and used there."""
    source = (PARTS.parent / "styleguide" / "components.html").read_text()
    for part in PARTS.rglob("*.html"):
        imported = re.search(rf'from "admin/parts/{part.relative_to(PARTS)}" import ([a-z_, ]+)', source)
        assert imported, part.name
        for macro in re.findall(r"macro ([a-z]\w*)\(", part.read_text()):
            assert re.search(rf"\b{macro}\(", source), f"{part.name}: {macro}"


def test_ids_are_unique_and_no_secret_is_shown(debug_app: Flask) -> None:
    visitor = PanelClient(debug_app)
    visitor.sign_in()
    text = visitor.get("/components").text
    ids = re.findall(r' id="([^"]+)"', text)
    assert sorted(ids) == sorted(set(ids))
    assert "wrs_" not in text
    assert " style=" not in text


def test_every_class_has_a_css_rule(debug_app: Flask) -> None:
    """Also the classes of icons, which stand in strings inside templates."""
    visitor = PanelClient(debug_app)
    visitor.sign_in()
    used = {
        name for names in re.findall(r'\bclass="([^"]+)"', visitor.get("/components").text) for name in names.split()
    }
    rules = "".join(path.read_text() for path in (PACKAGE / "static" / "css").rglob("*.css"))
    assert used - set(re.findall(r"\.([a-z][\w-]*)", rules)) == set()
