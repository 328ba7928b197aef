"""What shops and monitoring call: the shop API, WooCommerce hooks, `/healthz` and `/metrics`."""

from flask import Flask


def register(app: Flask) -> None:
    """Add the blueprints. Importing the modules declares their endpoints."""
    from pointsync.api import (  # noqa: F401
        brought_balances,
        customers,
        docs,
        feed,
        health,
        hooks,
        metrics,
        movements,
        remotes,
        reserves,
        rewards,
        shop_keys,
        site,
    )
    from pointsync.api.endpoints import blueprint
    from pointsync.api.holds import views as holds
    from pointsync.api.orders import views as orders  # noqa: F401
    from pointsync.api.people import duplicates, erasures, report  # noqa: F401
    from pointsync.api.people import views as people  # noqa: F401
    from pointsync.api.shops import views as shops  # noqa: F401
    from pointsync.api.webhooks import views as webhooks  # noqa: F401

    app.url_map.converters["email"] = customers.EmailConverter
    app.url_map.converters["ref"] = holds.RefConverter
    for app_part in (blueprint, docs.blueprint, health.blueprint, hooks.blueprint):
        app.register_blueprint(app_part)
