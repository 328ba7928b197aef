"""System › API keys: what the shop's own software shows to record movements."""

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import DateField, IntegerField, SelectMultipleField, StringField
from wtforms.widgets import CheckboxInput, ListWidget

from pointsync import clock, db
from pointsync.accounts import api_keys as keys
from pointsync.admin.shell.forms import show_refusal
from pointsync.admin.shell.panel import blueprint, page
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.models import ApiKey, Site
from pointsync.runtime import runtime
from pointsync.scopes import MAX_PER_MINUTE, SCOPES
from pointsync.sync.site import general

TAB = "admin.api_keys"
_NOT_READ = {
    "expires_at": "This is no day; type one such as 2027-01-31, or none.",
    "per_minute": f"Type a whole number of calls from 1 to {MAX_PER_MINUTE:,}, or none.",
}
ROW = "<int(max=2147483647):key_id>"


class KeyForm(FlaskForm):  # type: ignore[misc]
    """A new API key."""

    name = StringField("Name")
    scopes = SelectMultipleField(
        "Scopes",
        choices={each: each.capitalize() for each in SCOPES},
        default=["record", "read"],
        validate_choice=False,
        widget=ListWidget(),
        option_widget=CheckboxInput(),
    )
    expires_at = DateField("Expires")
    per_minute = IntegerField("Calls a minute")

    def read(self, zone: ZoneInfo) -> dict[str, Any]:
        """What the key is to be, as `keys.create` takes it; a day begins at midnight in `zone`. Raises Invalid."""
        for name, words in _NOT_READ.items():
            if self[name].process_errors and any(map(str.strip, self[name].raw_data)):  # left empty is nothing
                raise Invalid(name, words)
        day = self.expires_at.data
        return {
            "scopes": self.scopes.data or (),
            "expires_at": datetime.combine(day, time(), zone) if day else None,
            "per_minute": self.per_minute.data,
        }


@blueprint.get("/system/api-keys", provide_automatic_options=False)
def api_keys() -> ResponseReturnValue:
    """The tab."""
    session = db.db.session()
    url = general.known_url(session.get_one(Site, 1), runtime().config)
    return page("settings/api_keys.html", TAB, keys=keys.every(session), url=url, now=clock.now())


@blueprint.get("/system/api-keys/add", provide_automatic_options=False)
def add_api_key() -> ResponseReturnValue:
    """The form for a new key."""
    return _form(KeyForm())


@blueprint.post("/system/api-keys/add", provide_automatic_options=False)
def send_add_api_key() -> ResponseReturnValue:
    """Make it, and show it in this one answer: it is stored nowhere, not even by the browser."""
    form, now = KeyForm(), clock.now()
    name = (form.name.data or "").strip()
    try:
        wanted = form.read(general.time_zone(db.db.session()))
        row, key = db.in_write(lambda session: keys.create(session, name, now, **wanted))
    except (Invalid, Conflict) as error:
        show_refusal(form, error)
        return _form(form), 422
    return page("settings/api_key_created.html", TAB, name=row.name, key=key), 201


@blueprint.get(f"/system/api-keys/{ROW}/revoke", provide_automatic_options=False)
def revoke_api_key(key_id: int) -> ResponseReturnValue:
    """Ask once more: whoever uses the key is refused from then on."""
    return page("settings/api_key_revoke.html", TAB, name=_find(db.db.session(), key_id).name)


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


def _form(form: KeyForm) -> str:
    return page("settings/api_key_form.html", TAB, form=form, notes=SCOPES)


def _find(session: Session, key_id: int) -> ApiKey:
    """The live key of that id: its name alone may be another key's by now. Raises NotFound."""
    for each in keys.every(session):
        if each.id == key_id:
            return each
    raise NotFound("unknown_key", "There is no such key; it may be revoked already.")
