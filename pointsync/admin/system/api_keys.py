"""System › API keys: what the shop's own software shows to record movements."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import StringField

from pointsync import clock, db
from pointsync.admin.forms import show_refusal
from pointsync.admin.panel import blueprint, page
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.models import ApiKey, Site
from pointsync.runtime import runtime
from pointsync.sync import general, keys

TAB = "admin.api_keys"
ROW = "<int(max=2147483647):key_id>"


class KeyForm(FlaskForm):  # type: ignore[misc]
    """A new API key."""

    name = StringField("Name")


@blueprint.get("/system/api-keys", provide_automatic_options=False)
def api_keys() -> ResponseReturnValue:
    """The tab."""
    session = db.db.session()
    url = general.known_url(session.get_one(Site, 1), runtime().config)
    return page("system/api_keys.html", TAB, keys=keys.every(session), url=url)


@blueprint.get("/system/api-keys/add", provide_automatic_options=False)
def add_api_key() -> ResponseReturnValue:
    """The form for a new key."""
    return page("system/api_key.html", TAB, form=KeyForm())


@blueprint.post("/system/api-keys/add", provide_automatic_options=False)
def send_add_api_key() -> ResponseReturnValue:
    """Make it, and show it in this one answer: it is stored nowhere, not even by the browser."""
    form, now = KeyForm(), clock.now()
    name = (form.name.data or "").strip()
    try:
        row, key = db.in_write(lambda session: keys.create(session, name, now))
    except (Invalid, Conflict) as error:
        show_refusal(form, error)
        return page("system/api_key.html", TAB, form=form), 422
    return page("system/api_key_made.html", TAB, name=row.name, key=key), 201


@blueprint.get(f"/system/api-keys/{ROW}/revoke", provide_automatic_options=False)
def revoke_api_key(key_id: int) -> ResponseReturnValue:
    """Ask once more: whoever uses the key is refused from then on."""
    return page("system/api_key_revoke.html", TAB, name=_find(db.db.session(), key_id).name)


@blueprint.post(f"/system/api-keys/{ROW}/revoke", provide_automatic_options=False)
def send_revoke_api_key(key_id: int) -> ResponseReturnValue:
    """End it."""

    def work(session: Session) -> str:
        name = _find(session, key_id).name
        keys.revoke(session, name, clock.now())
        return name

    name = db.in_write(work)
    flash(f"The key {name} is revoked: calls with it are refused from now on.", "done")
    return redirect(url_for(TAB), 303)


def _find(session: Session, key_id: int) -> ApiKey:
    """The live key of that id: its name alone may be another key's by now. Raises NotFound."""
    for each in keys.every(session):
        if each.id == key_id:
            return each
    raise NotFound("unknown_key", "There is no such key; it may be revoked already.")
