"""The panel: pages for admins, in a browser."""

from flask import Flask


def register(app: Flask) -> None:
    """Add the panel; the views declare their addresses as they are imported."""
    from pointsync.admin import accounts, guards, headers, home, setup, sign_in  # noqa: F401
    from pointsync.admin.panel import blueprint
    from pointsync.admin.sessions import PanelSessions

    app.session_interface = PanelSessions()
    accounts.register(app)
    guards.register(app)
    headers.register(app)
    app.register_blueprint(blueprint)
