"""System › WooCommerce: the hooks where shops deliver their webhooks, and what needs attention about them."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField

from pointsync import clock, db
from pointsync.admin.settings import shop_reading
from pointsync.admin.shell.forms import validate_setting
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, NotFound
from pointsync.models import Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import general, settings
from pointsync.text_limits import printable
from pointsync.woocommerce import addresses, hooks, kept, problems, rules

TAB = "admin.woocommerce"
PATH = "/system/woocommerce"


class WarningsForm(FlaskForm):  # type: ignore[misc]
    """When a hook needs attention; the field is named as in `settings.DEFINITIONS`."""

    hook_silent_days = StringField("Warn about a silent hook (in days)", [validate_setting])


@blueprint.get(PATH)
def woocommerce() -> ResponseReturnValue:
    """The tab."""
    return _render_tab(WarningsForm(obj=settings.read(db.session())))


@blueprint.post(PATH)
def save_warnings() -> ResponseReturnValue:
    """Save when a hook needs attention."""
    form = WarningsForm()
    if not form.validate():
        return _render_tab(form), 422
    value = form.hook_silent_days.data or ""
    db.run_in_transaction(lambda session: settings.change(session, "hook_silent_days", value))
    flash("Saved.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.post(f"{PATH}/address")
def submit_address() -> ResponseReturnValue:
    """Answer whether an address is the hook's shop. What was kept from it is counted within seconds, or dropped."""
    address, is_same = request.form.get("address", ""), request.form.get("answer") == "same"
    answer = addresses.accept if is_same else addresses.reject
    try:
        db.run_in_transaction(lambda session: answer(session, address, clock.now()))
    except (Conflict, NotFound) as error:
        flash(error.message, "error")
    else:
        text = (
            "belongs to the shop now. What it delivered is counted" if is_same else "is another shop. It does not count"
        )
        flash(f"{printable(address, 100)} {text}.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.post(f"{PATH}/discard")
def submit_discard() -> ResponseReturnValue:
    """Discard what removed hooks of a name have kept."""
    name = request.form.get("name", "")
    try:
        count = db.run_in_transaction(lambda session: kept.discard_of_removed(session, name))
    except NotFound as error:
        flash(error.message, "error")
    else:
        flash(f"Discarded deliveries: {count:,}.", "done")
    return redirect(url_for(TAB), 303)


def get_public_url() -> str | None:
    """The URL of this site that shops call; None if it is not known yet."""
    return general.get_effective_url(db.session().get_one(Site, 1), get_runtime().config)


def _render_tab(form: WarningsForm) -> str:
    session, url = db.session(), get_public_url()
    silent_days = settings.read(session).hook_silent_days
    return render_page(
        "settings/woocommerce.html",
        TAB,
        form=form,
        definition=settings.DEFINITIONS["hook_silent_days"],
        hooks=[(each, hooks.delivery_url(each, url)) for each in hooks.list_all(session) if each.key_shop is None],
        describe_rule=rules.describe,
        problems=problems.list_problems(session, silent_days, clock.now()),
        reading=shop_reading.load_for_tab(session),
        url=url,
    )
