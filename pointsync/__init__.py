"""PointSync keeps customers' loyalty points in step between the shops of a family."""

from flask import Flask

from pointsync.config import Config

__version__ = "0.1.0"


def create_app(config: Config | None = None, *, with_blueprints: bool = True) -> Flask:
    """Create the application, without starting anything or opening the database.

    Commands do not need the blueprints, and start faster without them. Raises ConfigError for an invalid setting.
    """
    from pointsync import cli, db
    from pointsync.app import configure, register_blueprints
    from pointsync.config import load

    app = Flask(__name__, static_folder=None)
    configure(app, config or load())
    db.init_app(app)
    if with_blueprints:
        register_blueprints(app)
    cli.register(app)
    return app
