"""The panel: pages for admins, in a browser."""

from flask import Flask


def register(app: Flask) -> None:
    """Add the panel; the views declare their addresses as they are imported."""
    from pointsync.admin import (  # noqa: F401
        accounts,
        components,
        dashboard,
        embed,
        expiry,
        exports,
        guards,
        headers,
        reserves,
        rewards,
        settlement,
        setup,
        sign_in,
        zone,
    )
    from pointsync.admin.customers import by_hand, history, imports, listing, one_go, redeem, why  # noqa: F401
    from pointsync.admin.panel import blueprint
    from pointsync.admin.sessions import PanelSessions
    from pointsync.admin.system import (  # noqa: F401
        activity,
        admins,
        api_keys,
        attempts,
        audit,
        below_zero,
        general,
        hold,
        mail_texts,
        mails,
        network,
        origins,
        pass_change,
        points_sync,
        refused_actions,
        remote_actions,
        remote_key,
        remotes,
        secrets,
        sign_ins,
        woocommerce,
        works,
    )

    app.session_interface = PanelSessions()
    accounts.register(app)
    guards.register(app)
    headers.register(app)
    app.register_blueprint(blueprint)
    components.register(app)
