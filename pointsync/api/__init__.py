"""For shops and machines: the shop API, WooCommerce hooks, health and metrics."""

from flask import Flask


def register(app: Flask) -> None:
    """Add the blueprints; the views declare their calls as they are imported."""
    from pointsync.api import customers, docs, health, hooks, movements, remotes, rewards  # noqa: F401
    from pointsync.api.endpoints import blueprint

    app.url_map.converters["email"] = customers.EmailConverter
    for part in (blueprint, docs.docs, health.blueprint, hooks.blueprint):
        app.register_blueprint(part)
