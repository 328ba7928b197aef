"""For other sites: both dialects, on the public URL, each call with its own credentials."""

from flask import Flask

from pointsync.peer import pointsync, woorewards


def register(app: Flask) -> None:
    """Answer other sites."""
    app.register_blueprint(pointsync.blueprint)
    app.register_blueprint(woorewards.blueprint)
