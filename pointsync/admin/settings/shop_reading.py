"""System › WooCommerce: the part about reading shops: their keys, how it goes, and outages."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import StringField

from pointsync import clock, db
from pointsync.admin.shell.forms import SecretField, show_errors, validate_setting
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import DomainError, NotFound
from pointsync.models import Hook, ShopKey, Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import general, settings
from pointsync.text_limits import printable
from pointsync.woocommerce import hooks, outages
from pointsync.woocommerce.reading import connect, key_requests, keys, progress, status

TAB = "admin.woocommerce"
KEY_PATH = "/system/woocommerce/<row_id:hook_id>/key"


class AskForm(FlaskForm):  # type: ignore[misc]
    """Which shop is asked for a key."""

    url = StringField("The shop's URL")


class KeyForm(FlaskForm):  # type: ignore[misc]
    """A key that an admin has created in the shop."""

    url = StringField("The shop's URL")
    consumer_key = StringField("Consumer key")
    consumer_secret = SecretField("Consumer secret")


class ReadingForm(FlaskForm):  # type: ignore[misc]
    """The field is named as in `settings.DEFINITIONS`."""

    shop_read_minutes = StringField("Time between two readings (in minutes)", [validate_setting])


def load_for_tab(session: Session) -> dict[str, object]:
    """What the tab shows about reading."""
    return {
        "shops": status.list_all(session),
        "outages": outages.list_unread(session),
        "form": ReadingForm(formdata=None, obj=settings.read(session)),
        "definition": settings.DEFINITIONS["shop_read_minutes"],
        "is_alarming": lambda key: status.is_alarming(key, clock.now()),
    }


@blueprint.get(KEY_PATH)
def shop_key(hook_id: int) -> ResponseReturnValue:
    """Show the form for asking the shop, or for pasting a key if the shop cannot send one to this site."""
    hook = _get_hook(hook_id)
    if not key_requests.can_ask(_public_url()):
        return _render_paste(KeyForm(url=_shop_url(hook)), hook)
    return _render_ask(AskForm(url=_shop_url(hook)), hook)


@blueprint.post(KEY_PATH)
def ask_for_key(hook_id: int) -> ResponseReturnValue:
    """Show the link to the shop's page on which its admin agrees. The key arrives at `api.shop_keys`."""
    form, hook, public_url = AskForm(), _get_hook(hook_id), _public_url()
    if public_url is None or not key_requests.can_ask(public_url):
        return redirect(url_for("admin.paste_key", hook_id=hook_id), 303)
    try:
        url, state = db.run_in_transaction(
            lambda session: key_requests.begin(
                session, hook_id, form.url.data or "", current_user.name or "", clock.now()
            )
        )
    except DomainError as error:
        show_errors(form, error)
        return _render_ask(form, hook), 422
    link = key_requests.authorize_url(url, state, public_url)
    return render_page("settings/shop_key_asked.html", TAB, hook=hook, url=url, link=link)


@blueprint.get("/system/woocommerce/key-given")
def key_given() -> ResponseReturnValue:
    """The shop sends the admin's browser back here, after its key has arrived or the admin has refused."""
    asked = key_requests.find(db.session(), request.args.get("user_id", "")[:64])
    if asked is not None and asked.used_at is not None and asked.problem is None:
        flash("The shop is connected. Its orders of the last 90 days are read now.", "done")
    elif asked is not None and asked.problem is not None:
        flash(asked.problem, "error")
    else:
        flash("The shop has given no key, so it is not connected.", "error")
    return redirect(url_for(TAB, _anchor="reading"), 303)


@blueprint.get(f"{KEY_PATH}/paste")
def paste_key(hook_id: int) -> ResponseReturnValue:
    """Show the form for a key that was created in the shop."""
    hook = _get_hook(hook_id)
    return _render_paste(KeyForm(url=_shop_url(hook)), hook)


@blueprint.post(f"{KEY_PATH}/paste")
def submit_key(hook_id: int) -> ResponseReturnValue:
    """Try the key at the shop and store it."""
    form, hook = KeyForm(), _get_hook(hook_id)
    try:
        row = connect.connect(
            hook_id, form.url.data or "", form.consumer_key.data or "", form.consumer_secret.data or ""
        )
    except DomainError as error:
        if not error.fields:
            error.fields = {"url": error.message}
        show_errors(form, error)
        return _render_paste(form, hook), 422
    flash(f"{printable(row.url, 100)} is connected. Its orders of the last 90 days are read now.", "done")
    return redirect(url_for(TAB, _anchor="reading"), 303)


@blueprint.get(f"{KEY_PATH}/remove")
def remove_key(hook_id: int) -> ResponseReturnValue:
    """Ask for confirmation."""
    hook = _get_hook(hook_id)
    return render_page("settings/shop_key_remove.html", TAB, hook=hook, key=_get_key(db.session(), hook))


@blueprint.post(f"{KEY_PATH}/remove")
def submit_remove_key(hook_id: int) -> ResponseReturnValue:
    """Forget the key."""
    row = db.run_in_transaction(lambda session: keys.remove(session, hooks.get(session, hook_id).shop_id or 0))
    if row is not None:
        flash(f"The key of {printable(row.url, 100)} is forgotten. Delete it in the shop as well.", "done")
    return redirect(url_for(TAB, _anchor="reading"), 303)


@blueprint.post(f"{KEY_PATH}/read")
def read_shop_now(hook_id: int) -> ResponseReturnValue:
    """Let the shop be read within seconds: what has changed, and the last 90 days."""

    def begin(session: Session) -> str:
        progress.refuse_if_stopped(session)
        row = _get_key(session, hooks.get(session, hook_id))
        progress.read_soon(session, row.shop_id, clock.now(), everything=True)
        return row.url

    try:
        url = db.run_in_transaction(begin)
    except DomainError as error:
        flash(error.message, "error")
    else:
        flash(f"The orders of {printable(url, 100)} of the last 90 days are read now.", "done")
    return redirect(url_for(TAB, _anchor="reading"), 303)


@blueprint.post("/system/woocommerce/outages")
def dismiss_outages() -> ResponseReturnValue:
    """An admin says that no orders are missing."""
    db.run_in_transaction(lambda session: outages.dismiss(session, clock.now()))
    flash("Dismissed. A new outage is shown again.", "done")
    return redirect(url_for(TAB, _anchor="reading"), 303)


@blueprint.post("/system/woocommerce/reading")
def save_reading() -> ResponseReturnValue:
    """Save how often shops are read."""
    form = ReadingForm()
    if not form.validate():
        flash(f"{form.shop_read_minutes.label.text}: {form.shop_read_minutes.errors[0]}", "error")
    else:
        text = form.shop_read_minutes.data or ""
        db.run_in_transaction(lambda session: settings.change(session, "shop_read_minutes", text))
        flash("Saved.", "done")
    return redirect(url_for(TAB, _anchor="reading"), 303)


def _get_hook(hook_id: int) -> Hook:
    """The hook. Raises NotFound, also if it does not count orders."""
    hook = hooks.get(db.session(), hook_id)
    if hook.rule != "orders":
        raise NotFound("unknown_hook", "This hook records movements, so there are no orders to read.")
    return hook


def _get_key(session: Session, hook: Hook) -> ShopKey:
    row = keys.find(session, hook.shop_id)
    if row is None:
        raise NotFound("unknown_key", "This shop is not connected for reading.")
    return row


def _shop_url(hook: Hook) -> str:
    row = keys.find(db.session(), hook.shop_id)
    return row.url if row else (hook.shop or "").rstrip("/")


def _public_url() -> str | None:
    return general.get_effective_url(db.session().get_one(Site, 1), get_runtime().config)


def _render_ask(form: AskForm, hook: Hook) -> str:
    return render_page("settings/shop_key_ask.html", TAB, form=form, hook=hook)


def _render_paste(form: KeyForm, hook: Hook) -> str:
    can_ask = key_requests.can_ask(_public_url())
    return render_page("settings/shop_key_paste.html", TAB, form=form, hook=hook, can_ask=can_ask)
