"""Styles and scripts: one file of styles, and paths that browsers keep for ever."""

import pytest
from flask import Flask, url_for

from pointsync.web import static_files
from tests.support.paths import PACKAGE

OTHER_PAGES = {"pages/api_docs"}
"""Styles of pages that are not in the panel."""


@pytest.fixture
def app() -> Flask:
    app = Flask("pages", static_folder=None)
    static_files.register(app)
    return app


def test_the_panels_styles_are_all_files_in_their_order():
    folder = PACKAGE / "static" / "css"
    names = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.css")}
    assert sorted(static_files.STYLE_ORDER) == sorted(names - OTHER_PAGES)


def test_a_versioned_path_is_kept_for_ever(app: Flask):
    with app.test_request_context():
        path = url_for("static", filename="panel.css")
    assert path == f"/static/v/{static_files.get_version()}/panel.css"
    for name, mimetype in (("panel.css", "text/css"), ("js/panel.js", "text/javascript")):
        with app.test_client().get(path.replace("panel.css", name)) as answer:
            assert (answer.status_code, answer.mimetype) == (200, mimetype)
            assert answer.cache_control.immutable
            assert answer.cache_control.max_age == static_files.YEAR_SECONDS
            assert not answer.cache_control.no_cache


@pytest.mark.parametrize("path", ["/static/panel.css", "/static/v/0123/panel.css", "/static/js/panel.js"])
def test_any_other_path_is_asked_for_again(app: Flask, path: str):
    with app.test_client().get(path) as answer:
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
        known = {"If-None-Match": answer.headers["ETag"]}
    with app.test_client().get(path, headers=known) as again:
        assert again.status_code == 304


@pytest.mark.parametrize("path", ["/static/nothing", "/static/v/0123/nothing", "/static/../app.py", "/static/v/0/../x"])
def test_a_file_that_is_not_there(app: Flask, path: str):
    assert app.test_client().get(path).status_code == 404
