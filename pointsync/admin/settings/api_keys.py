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
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.models import ApiKey, Site
from pointsync.runtime import get_runtime
from pointsync.scopes import MAX_PER_MINUTE, SCOPES
from pointsync.sync.site import general

TAB = "admin.api_keys"
_PARSE_ERRORS = {
    "expires_at": "This is no day; type one such as 2027-01-31, or none.",
    "per_minute": f"Type a whole number of calls from 1 to {MAX_PER_MINUTE:,}, or none.",
}
KEY_ID = "<int(max=2147483647):key_id>"


class ApiKeyForm(FlaskForm):  # type: ignore[misc]
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
        for name, message in _PARSE_ERRORS.items():
            if self[name].process_errors and any(map(str.strip, self[name].raw_data)):  # left empty is nothing
                raise InvalidInput(name, message)
        day = self.expires_at.data
        return {
            "scopes": self.scopes.data or (),
            "expires_at": datetime.combine(day, time(), zone) if day else None,
            "per_minute": self.per_minute.data,
        }


@blueprint.get("/system/api-keys", provide_automatic_options=False)
def api_keys() -> ResponseReturnValue:
    """The tab."""
    session = db.session()
    url = general.get_effective_url(session.get_one(Site, 1), get_runtime().config)
    return render_page("settings/api_keys.html", TAB, keys=keys.list_all(session), url=url, now=clock.now())


@blueprint.get("/system/api-keys/add", provide_automatic_options=False)
def add_api_key() -> ResponseReturnValue:
    """The form for a new key."""
    return _render_form(ApiKeyForm())


@blueprint.post("/system/api-keys/add", provide_automatic_options=False)
def submit_add_api_key() -> ResponseReturnValue:
    """Make it, and show it in this one answer: it is stored nowhere, not even by the browser."""
    form, now = ApiKeyForm(), clock.now()
    name = (form.name.data or "").strip()
    try:
        options = form.read(general.get_time_zone(db.session()))
        row, key = db.run_in_transaction(lambda session: keys.create(session, name, now, **options))
    except (InvalidInput, Conflict) as error:
        show_errors(form, error)
        return _render_form(form), 422
    return render_page("settings/api_key_created.html", TAB, name=row.name, key=key), 201


@blueprint.get(f"/system/api-keys/{KEY_ID}/revoke", provide_automatic_options=False)
def revoke_api_key(key_id: int) -> ResponseReturnValue:
    """Ask once more: whoever uses the key is refused from then on."""
    return render_page("settings/api_key_revoke.html", TAB, name=_get_key(db.session(), key_id).name)


@blueprint.post(f"/system/api-keys/{KEY_ID}/revoke", provide_automatic_options=False)
def submit_revoke_api_key(key_id: int) -> ResponseReturnValue:
    """End it."""

    def revoke(session: Session) -> str:
        name = _get_key(session, key_id).name
        keys.revoke(session, name, clock.now())
        return name

    name = db.run_in_transaction(revoke)
    flash(f"The key {name} is revoked: calls with it are refused from now on.", "done")
    return redirect(url_for(TAB), 303)


def _render_form(form: ApiKeyForm) -> str:
    return render_page("settings/api_key_form.html", TAB, form=form, scope_notes=SCOPES)


def _get_key(session: Session, key_id: int) -> ApiKey:
    """The live key of that id: its name alone may be another key's by now. Raises NotFound."""
    for each in keys.list_all(session):
        if each.id == key_id:
            return each
    raise NotFound("unknown_key", "There is no such key; it may be revoked already.")
