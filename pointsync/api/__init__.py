"""For shops and machines: the shop API, WooCommerce hooks, health and metrics."""

from flask import Flask


def register(app: Flask) -> None:
    """Add the blueprints; the views declare their calls as they are imported."""
    from pointsync.api import customers, docs, health, hooks, metrics, movements, remotes, reserves, rewards  # noqa: F401
    from pointsync.api.endpoints import blueprint

    app.url_map.converters["email"] = customers.EmailConverter
    for app_part in (blueprint, docs.blueprint, health.blueprint, hooks.blueprint):
        app.register_blueprint(app_part)
