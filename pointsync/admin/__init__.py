"""The panel: pages for admins, in a browser."""

from importlib import import_module

from flask import Flask

VIEWS = {
    "activity": "attempts customer_changes deliveries exports overdrawn refused_deliveries status_changes tasks",
    "auth": "setup sign_in",
    "customers": (
        "adjust_points balance_breakdown bulk_adjust customer_list duplicates erasures history holds imports people "
        "person_report redemption"
    ),
    "home": "dashboard",
    "manual": "help_links views",
    "points": "expiry reserves rewards settlement",
    "remotes": "offered_key pass_change points_sync remote_actions remote_form sending_stopped site_secrets",
    "settings": "admins api_keys audit_log blocked_sites comparison fetch_back general hand_on mail_templates mails "
    "network order_rule reversals send_again shop_reading sign_ins webhooks woocommerce woocommerce_hooks",
    "shops": "shops connect",
    "shell": "embed template_filters time_zone",
}
"""Modules by folder that add views and template functions to the panel's blueprint when they are imported."""


def register(app: Flask) -> None:
    """Add the panel to the application."""
    from pointsync.admin.auth import guards, login_manager
    from pointsync.admin.shell import security_headers
    from pointsync.admin.shell.panel import blueprint
    from pointsync.admin.shell.session_cookies import PanelSessionInterface
    from pointsync.admin.styleguide import components

    for folder, modules in VIEWS.items():
        for module in modules.split():
            import_module(f"pointsync.admin.{folder}.{module}")
    app.session_interface = PanelSessionInterface()
    login_manager.register(app)
    guards.register(app)
    security_headers.register(app)
    app.register_blueprint(blueprint)
    components.register(app)
