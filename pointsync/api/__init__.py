"""What shops and monitoring call: the shop API, WooCommerce hooks, `/healthz` and `/metrics`."""

from flask import Flask


def register(app: Flask) -> None:
    """Add the blueprints. Importing the modules declares their endpoints."""
    from pointsync.api import customers, docs, health, hooks, metrics, movements, remotes, reserves, rewards  # noqa: F401
    from pointsync.api.endpoints import blueprint

    app.url_map.converters["email"] = customers.EmailConverter
    for app_part in (blueprint, docs.blueprint, health.blueprint, hooks.blueprint):
        app.register_blueprint(app_part)
