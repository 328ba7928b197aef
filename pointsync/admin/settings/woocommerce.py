"""System › WooCommerce: the hooks where shops deliver their webhooks, and the last deliveries."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import RadioField, SelectField, StringField

from pointsync import clock, db, ids
from pointsync.admin.shell.forms import SecretField, show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.reserve_choices import reserve_choices
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger.orders import listings
from pointsync.models import Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import general
from pointsync.text_limits import printable
from pointsync.woocommerce import addresses, hooks, kept, rules

TAB = "admin.woocommerce"
HOOK_ID = "<row_id:hook_id>"
MAX_DELIVERIES = 20


class HookForm(FlaskForm):  # type: ignore[misc]
    """A new hook: the arguments of `hooks.add`."""

    name = StringField("Name")
    secret = SecretField("Secret")
    reserve = SelectField("Points Reserve")
    rule = RadioField(
        "What counts",
        choices={"orders": "Orders", "movements": "The shop plugin's movements"},
        default="orders",
    )
    rate = StringField("Points per unit", default="1")
    status = SelectField(
        "Give points when",
        choices={"completed": "the order is completed", "processing": "the order is paid (processing)"},
    )


@blueprint.get("/system/woocommerce")
def woocommerce() -> ResponseReturnValue:
    """The tab."""
    active_hooks, url = hooks.list_all(db.session()), _public_url()
    return render_page(
        "settings/woocommerce.html",
        TAB,
        hooks=[(each, hooks.delivery_url(each, url)) for each in active_hooks],
        describe_rule=rules.describe,
        waiting=kept.count_by_address(db.session()),
        order_problems=listings.count_problems(db.session()),
        url=url,
    )


@blueprint.post("/system/woocommerce/address")
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


@blueprint.get("/system/woocommerce/add")
def add_hook() -> ResponseReturnValue:
    """Show the form for a new hook."""
    return _render_form(HookForm())


@blueprint.post("/system/woocommerce/add")
def submit_add_hook() -> ResponseReturnValue:
    """Create a hook and show, in this one response, what to type into the shop."""
    form, now = HookForm(), clock.now()
    submitted_secret = (form.secret.data or "").strip()
    secret = submitted_secret or ids.new_token()
    try:
        if form.rule.data not in ("orders", "movements"):
            raise InvalidInput("rule", "Choose what counts: orders, or the shop plugin's movements.")
        by_movements = form.rule.data == "movements"
        hook = db.run_in_transaction(
            lambda session: hooks.add(
                session,
                get_runtime().vault,
                name=(form.name.data or "").strip(),
                secret=secret,
                reserve_key=form.reserve.data or "",
                # A hook for the plugin ignores these two fields, so errors in them must not refuse it.
                rate="1" if by_movements else (form.rate.data or "").strip(),
                status="completed" if by_movements else form.status.data or "",
                by_movements=by_movements,
                now=now,
            )
        )
    except (InvalidInput, Conflict, NotFound) as error:
        show_errors(form, error)
        return _render_form(form), 422
    secret_to_show = None if submitted_secret else secret
    url = _public_url()
    return render_page(
        "settings/hook_created.html",
        TAB,
        hook=hook,
        delivery_url=hooks.delivery_url(hook, url),
        secret=secret_to_show,
        url=url,
    ), 201


@blueprint.get(f"/system/woocommerce/{HOOK_ID}")
def hook_deliveries(hook_id: int) -> ResponseReturnValue:
    """Show a hook and its last deliveries."""
    session = db.session()
    hook, url = hooks.get(session, hook_id), _public_url()
    deliveries = hooks.list_deliveries(session, hook.id, MAX_DELIVERIES)
    return render_page(
        "settings/hook.html",
        TAB,
        hook=hook,
        delivery_url=hooks.delivery_url(hook, url),
        describe_rule=rules.describe,
        deliveries=deliveries,
        max_deliveries=MAX_DELIVERIES,
        url=url,
    )


@blueprint.get(f"/system/woocommerce/{HOOK_ID}/remove")
def remove_hook(hook_id: int) -> ResponseReturnValue:
    """Ask for confirmation."""
    return render_page("settings/hook_remove.html", TAB, hook=hooks.get(db.session(), hook_id))


@blueprint.post(f"/system/woocommerce/{HOOK_ID}/remove")
def submit_remove_hook(hook_id: int) -> ResponseReturnValue:
    """Remove a hook."""

    def remove(session: Session) -> str:
        name = hooks.get(session, hook_id).name
        hooks.remove(session, name, clock.now())
        return name

    name = db.run_in_transaction(remove)
    flash(f"The hook {name} is removed. Deliveries to it are now refused.", "done")
    return redirect(url_for(TAB), 303)


def _public_url() -> str | None:
    return general.get_effective_url(db.session().get_one(Site, 1), get_runtime().config)


def _render_form(form: HookForm) -> str:
    form.reserve.choices = reserve_choices(db.session(), only_active=True)
    return render_page("settings/hook_form.html", TAB, form=form)
