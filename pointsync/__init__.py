"""PointSync keeps customers' loyalty points in step between the shops of a family."""

from flask import Flask

from pointsync.config import Config

__version__ = "0.1.0"


def create_app(config: Config | None = None, *, with_blueprints: bool = True) -> Flask:
    """The application: settings, extensions, blueprints, commands. Starts nothing, opens no database.

    One that `answers` nobody has no blueprints: a command is done sooner than these are put together. Raises
    ConfigError where a setting is wrong.
    """
    from pointsync import app as application
    from pointsync import cli, db
    from pointsync import config as settings

    app = Flask(__name__)
    application.configure(app, config or settings.load())
    db.init_app(app)
    if with_blueprints:
        application.register(app)
    cli.register(app)
    return app
