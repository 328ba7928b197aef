"""System › WooCommerce: the hooks at which shops deliver, and what came of it."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import RadioField, SelectField, StringField

from pointsync import clock, db, ids
from pointsync.admin.shell.forms import SecretField, show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.reserve_choices import reserve_choices
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.models import Hook, Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import general
from pointsync.woocommerce import hooks

TAB = "admin.woocommerce"
HOOK_ID = "<int(max=2147483647):hook_id>"
MAX_DELIVERIES = 20


class HookForm(FlaskForm):  # type: ignore[misc]
    """A new hook, as `hooks.add` takes it."""

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
        "Given when", choices={"completed": "the order is completed", "processing": "the order is paid (processing)"}
    )


@blueprint.get("/system/woocommerce", provide_automatic_options=False)
def woocommerce() -> ResponseReturnValue:
    """The tab."""
    active_hooks, url = hooks.list_all(db.session()), _public_url()
    return render_page(
        "settings/woocommerce.html",
        TAB,
        hooks=[(each, hooks.delivery_url(each, url)) for each in active_hooks],
        url=url,
    )


@blueprint.get("/system/woocommerce/add", provide_automatic_options=False)
def add_hook() -> ResponseReturnValue:
    """The form for a new hook."""
    return _render_form(HookForm())


@blueprint.post("/system/woocommerce/add", provide_automatic_options=False)
def submit_add_hook() -> ResponseReturnValue:
    """Make it, and show in this one answer what is to be typed into the shop."""
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
                # The plugin counts by itself: what these two say is of no use then, and no reason to refuse.
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


@blueprint.get(f"/system/woocommerce/{HOOK_ID}", provide_automatic_options=False)
def hook_deliveries(hook_id: int) -> ResponseReturnValue:
    """A hook, and its last deliveries."""
    session = db.session()
    hook, url = _get_hook(session, hook_id), _public_url()
    deliveries = hooks.list_deliveries(session, hook.id, MAX_DELIVERIES)
    return render_page(
        "settings/hook.html",
        TAB,
        hook=hook,
        delivery_url=hooks.delivery_url(hook, url),
        deliveries=deliveries,
        max_deliveries=MAX_DELIVERIES,
        url=url,
    )


@blueprint.get(f"/system/woocommerce/{HOOK_ID}/remove", provide_automatic_options=False)
def remove_hook(hook_id: int) -> ResponseReturnValue:
    """Ask once more: the shop's deliveries are refused from then on."""
    return render_page("settings/hook_remove.html", TAB, hook=_get_hook(db.session(), hook_id))


@blueprint.post(f"/system/woocommerce/{HOOK_ID}/remove", provide_automatic_options=False)
def submit_remove_hook(hook_id: int) -> ResponseReturnValue:
    """End it."""

    def remove(session: Session) -> str:
        name = _get_hook(session, hook_id).name
        hooks.remove(session, name, clock.now())
        return name

    name = db.run_in_transaction(remove)
    flash(f"The hook {name} is removed: what the shop delivers there is refused from now on.", "done")
    return redirect(url_for(TAB), 303)


def _get_hook(session: Session, hook_id: int) -> Hook:
    """The live hook of that id: its name alone may be another hook's by now. Raises NotFound."""
    for hook in hooks.list_all(session):
        if hook.id == hook_id:
            return hook
    raise NotFound("unknown_hook", "There is no such hook; it may be removed already.")


def _public_url() -> str | None:
    return general.get_effective_url(db.session().get_one(Site, 1), get_runtime().config)


def _render_form(form: HookForm) -> str:
    form.reserve.choices = reserve_choices(db.session(), only_active=True)
    return render_page("settings/hook_form.html", TAB, form=form)
