"""System › Shops: the shops with the plugin, how each is doing, and the plugin itself."""

from flask import Response, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from pointsync import clock, db
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.models import Site
from pointsync.runtime import get_runtime
from pointsync.shops import connected_shops, plugin_zip, status
from pointsync.sync.site import general, settings
from pointsync.woocommerce import rules

TAB = "admin.shops"
PATH = "/system/shops"
SHOP_ID = "<row_id:shop_id>"


@blueprint.get(PATH)
def shops() -> ResponseReturnValue:
    """The tab."""
    session = db.session()
    return render_page(
        "shops/shops.html",
        TAB,
        statuses=status.load_all(session, settings.read(session).hook_silent_days, clock.now()),
        plugin_version=plugin_zip.get_version(),
        url=get_public_url(),
    )


@blueprint.get(f"{PATH}/{SHOP_ID}")
def shop(shop_id: int) -> ResponseReturnValue:
    """What a shop reports, and what to do about it."""
    session = db.session()
    return render_page(
        "shops/shop.html",
        TAB,
        row=status.load(session, shop_id, settings.read(session).hook_silent_days, clock.now()),
        describe_rule=rules.describe,
        parse_time=clock.from_text,
    )


@blueprint.get(f"{PATH}/plugin.zip")
def download_plugin() -> ResponseReturnValue:
    """The plugin."""
    response = Response(plugin_zip.build(), mimetype="application/zip")
    name = f"pointsync-{plugin_zip.get_version()}.zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@blueprint.get(f"{PATH}/{SHOP_ID}/disconnect")
def disconnect_shop(shop_id: int) -> ResponseReturnValue:
    """Ask for confirmation."""
    return render_page("shops/disconnect.html", TAB, shop=connected_shops.get(db.session(), shop_id))


@blueprint.post(f"{PATH}/{SHOP_ID}/disconnect")
def submit_disconnect_shop(shop_id: int) -> ResponseReturnValue:
    """Disconnect a shop."""
    gone = db.run_in_transaction(lambda session: connected_shops.disconnect(session, shop_id, clock.now()))
    flash(f"The shop {gone.name} is disconnected. Its calls are refused from now on.", "done")
    return redirect(url_for(TAB), 303)


def get_public_url() -> str | None:
    """The URL of this site that shops call; None if it is not known yet."""
    return general.get_effective_url(db.session().get_one(Site, 1), get_runtime().config)
