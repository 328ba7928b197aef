"""For other sites: both dialects, on the public URL, each call with its own credentials."""

from flask import Flask
from werkzeug.routing import PathConverter

from pointsync.peer import pointsync, woorewards


class _RestOfPathConverter(PathConverter):
    """All that is left of a path, line breaks and doubled slashes included: an address may hold any byte."""

    part_isolating = False
    regex = "(?s:.+?)"


def register(app: Flask) -> None:
    """Answer other sites."""
    app.url_map.converters["rest"] = _RestOfPathConverter
    app.register_blueprint(pointsync.blueprint)
    app.register_blueprint(woorewards.blueprint)
