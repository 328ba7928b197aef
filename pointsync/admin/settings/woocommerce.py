"""System › WooCommerce: the hooks at which shops deliver, and what came of it."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import RadioField, SelectField, StringField

from pointsync import clock, db, ids
from pointsync.admin.shell.forms import SecretField, reserve_choices, show_refusal
from pointsync.admin.shell.panel import blueprint, page
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.models import Hook, Site
from pointsync.runtime import runtime
from pointsync.sync.site import general
from pointsync.woocommerce import hooks

TAB = "admin.woocommerce"
ROW = "<int(max=2147483647):hook_id>"
SHOWN = 20


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
    found, url = hooks.every(db.db.session()), _url()
    return page("settings/woocommerce.html", TAB, hooks=[(each, hooks.url(each, url)) for each in found], url=url)


@blueprint.get("/system/woocommerce/add", provide_automatic_options=False)
def add_hook() -> ResponseReturnValue:
    """The form for a new hook."""
    return _page(HookForm())


@blueprint.post("/system/woocommerce/add", provide_automatic_options=False)
def send_add_hook() -> ResponseReturnValue:
    """Make it, and show in this one answer what is to be typed into the shop."""
    form, now = HookForm(), clock.now()
    typed = (form.secret.data or "").strip()
    secret = typed or ids.new_token()
    try:
        if form.rule.data not in ("orders", "movements"):
            raise Invalid("rule", "Choose what counts: orders, or the shop plugin's movements.")
        by_movements = form.rule.data == "movements"
        hook = db.in_write(
            lambda session: hooks.add(
                session,
                runtime().vault,
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
    except (Invalid, Conflict, NotFound) as error:
        show_refusal(form, error)
        return _page(form), 422
    shown = None if typed else secret
    url = _url()
    return page("settings/hook_created.html", TAB, hook=hook, address=hooks.url(hook, url), secret=shown, url=url), 201


@blueprint.get(f"/system/woocommerce/{ROW}", provide_automatic_options=False)
def hook_deliveries(hook_id: int) -> ResponseReturnValue:
    """A hook, and its last deliveries."""
    session = db.db.session()
    hook, url = _find(session, hook_id), _url()
    last = hooks.deliveries(session, hook.id, SHOWN)
    return page(
        "settings/hook.html", TAB, hook=hook, address=hooks.url(hook, url), deliveries=last, shown=SHOWN, url=url
    )


@blueprint.get(f"/system/woocommerce/{ROW}/remove", provide_automatic_options=False)
def remove_hook(hook_id: int) -> ResponseReturnValue:
    """Ask once more: the shop's deliveries are refused from then on."""
    return page("settings/hook_remove.html", TAB, hook=_find(db.db.session(), hook_id))


@blueprint.post(f"/system/woocommerce/{ROW}/remove", provide_automatic_options=False)
def send_remove_hook(hook_id: int) -> ResponseReturnValue:
    """End it."""

    def work(session: Session) -> str:
        name = _find(session, hook_id).name
        hooks.remove(session, name, clock.now())
        return name

    name = db.in_write(work)
    flash(f"The hook {name} is removed: what the shop delivers there is refused from now on.", "done")
    return redirect(url_for(TAB), 303)


def _find(session: Session, hook_id: int) -> Hook:
    """The live hook of that id: its name alone may be another hook's by now. Raises NotFound."""
    for hook in hooks.every(session):
        if hook.id == hook_id:
            return hook
    raise NotFound("unknown_hook", "There is no such hook; it may be removed already.")


def _url() -> str | None:
    return general.known_url(db.db.session().get_one(Site, 1), runtime().config)


def _page(form: HookForm) -> str:
    form.reserve.choices = reserve_choices(db.db.session(), only_active=True)
    return page("settings/hook_form.html", TAB, form=form)
