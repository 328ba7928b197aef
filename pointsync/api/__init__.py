"""For shops and machines: the shop API, WooCommerce hooks, health and metrics."""

from flask import Flask


def register(app: Flask) -> None:
    """Add the blueprints; the views declare their calls as they are imported."""
    from pointsync.api import customers, hooks, lists, machines, movements, pages, rewards  # noqa: F401
    from pointsync.api.calls import blueprint

    app.url_map.converters["email"] = customers.EmailConverter
    for part in (blueprint, pages.docs, machines.blueprint, hooks.blueprint):
        app.register_blueprint(part)
