"""Styles, scripts and pictures. Their path changes with their content, so that browsers keep them for ever."""

from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from flask import Flask, Response, request, send_from_directory

ENDPOINT = "static"
PANEL_STYLES = "panel.css"
"""All styles of the panel in one file: a browser that opens a page for the first time fetches one, not thirty."""
STYLE_ORDER = (
    "tokens",
    *(f"base/{name}" for name in ("page", "header", "tabs")),
    *(f"components/{name}" for name in ("group", "list", "status", "tag", "notice", "field", "button", "copy", "menu")),
    *(f"components/{name}" for name in ("sheet", "toolbar", "pager", "progress", "chart", "tile", "attention")),
    *(f"components/{name}" for name in ("sub_nav", "filter")),
    *(f"pages/{name}" for name in ("activity", "customers", "import", "mails", "manual", "network", "points_sync")),
    *(f"pages/{name}" for name in ("settlement", "shops", "woocommerce")),
)
"""The files in `static/css` of which it consists: a later one takes precedence."""
YEAR_SECONDS = 365 * 24 * 3600
_FOLDER = Path(__file__).parents[1] / "static"


def register(app: Flask) -> None:
    """Serve the files under their version, which `url_for` adds, and under their plain names."""
    app.add_url_rule("/static/<path:filename>", ENDPOINT, _serve)
    app.add_url_rule("/static/v/<version>/<path:filename>", ENDPOINT, _serve)

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == ENDPOINT:
            values.setdefault("version", get_version())


@cache
def get_version() -> str:
    """A text that changes when any of the files does. Read once: a new version needs a new start."""
    content = blake2b(digest_size=6)
    for path in sorted(_FOLDER.rglob("*")):
        if path.is_file():
            content.update(str(path.relative_to(_FOLDER)).encode() + b"\0" + path.read_bytes() + b"\0")
    return content.hexdigest()


def _serve(filename: str, version: str | None = None) -> Response:
    """A file. A page from before an upgrade still names the old version: that one is not kept."""
    if filename == PANEL_STYLES:
        response = Response(_join_styles(), mimetype="text/css")
        response.add_etag()
        response.make_conditional(request)
    else:
        response = send_from_directory(_FOLDER, filename)
    if version == get_version():
        response.cache_control.no_cache = None
        response.cache_control.public = response.cache_control.immutable = True
        response.cache_control.max_age = YEAR_SECONDS
    else:
        response.cache_control.no_cache = True
    return response


@cache
def _join_styles() -> str:
    return "\n".join((_FOLDER / "css" / f"{name}.css").read_text() for name in STYLE_ORDER)
