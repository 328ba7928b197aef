"""System › API keys: create, rotate and revoke the keys of the shop's own software."""

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
from pointsync.admin.settings import order_rule
from pointsync.admin.shell.forms import raw_value, show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, InvalidInput
from pointsync.models import ApiKey, Site
from pointsync.runtime import get_runtime
from pointsync.scopes import MAX_PER_MINUTE, SCOPES
from pointsync.sync.site import general
from pointsync.webhooks import endpoints
from pointsync.woocommerce import rules

TAB = "admin.api_keys"
_PARSE_ERRORS = {
    "expires_at": "This is not a date. Enter one such as 2027-01-31, or none.",
    "per_minute": f"Enter a whole number of calls from 1 to {MAX_PER_MINUTE:,}, or none.",
}
KEY_ID = "<row_id:key_id>"


class ApiKeyForm(FlaskForm):  # type: ignore[misc]
    """A new API key."""

    name = StringField("Name")
    shop = StringField("Shop")
    scopes = SelectMultipleField(
        "Scopes",
        choices={each: each.capitalize() for each in SCOPES},
        default=["record", "read"],
        validate_choice=False,
        widget=ListWidget(),
        option_widget=CheckboxInput(),
    )
    expires_at = DateField("Expires")
    per_minute = IntegerField("Calls per minute")

    def read(self, zone: ZoneInfo) -> dict[str, Any]:
        """The arguments of `keys.create`; the key expires at midnight in `zone`. Raises InvalidInput."""
        for name, message in _PARSE_ERRORS.items():
            if self[name].process_errors and raw_value(self, name):  # an empty field is None, not an error
                raise InvalidInput(name, message)
        day = self.expires_at.data
        return {
            "shop": (self.shop.data or "").strip() or None,
            "scopes": self.scopes.data or (),
            "expires_at": datetime.combine(day, time(), zone) if day else None,
            "per_minute": self.per_minute.data,
        }


class RotationForm(FlaskForm):  # type: ignore[misc]
    """How long the old key works after a rotation."""

    keep_old_hours = IntegerField("Old key works for", default=0)


@blueprint.get("/system/api-keys")
def api_keys() -> ResponseReturnValue:
    """The tab."""
    session = db.session()
    url = general.get_effective_url(session.get_one(Site, 1), get_runtime().config)
    return render_page(
        "settings/api_keys/api_keys.html",
        TAB,
        keys=keys.list_all(session),
        webhooks=endpoints.list_all(session),
        order_rules=order_rule.list_rules(session),
        describe_rule=rules.describe,
        url=url,
        now=clock.now(),
    )


@blueprint.get("/system/api-keys/add")
def add_api_key() -> ResponseReturnValue:
    """Show the form for a new key."""
    return _render_form(ApiKeyForm())


@blueprint.post("/system/api-keys/add")
def submit_add_api_key() -> ResponseReturnValue:
    """Create a key and show it in this one response. It is not stored, not even by the browser."""
    form, now = ApiKeyForm(), clock.now()
    name = (form.name.data or "").strip()
    try:
        options = form.read(general.get_time_zone(db.session()))
        row, key = db.run_in_transaction(lambda session: keys.create(session, name, now, **options))
    except (InvalidInput, Conflict) as error:
        show_errors(form, error)
        return _render_form(form), 422
    return render_page("settings/api_keys/created.html", TAB, name=row.name, key=key, is_rotated=False), 201


@blueprint.get(f"/system/api-keys/{KEY_ID}/rotate")
def rotate_api_key(key_id: int) -> ResponseReturnValue:
    """Ask how long the old key should still work."""
    return _render_rotation(RotationForm(), key_id)


@blueprint.post(f"/system/api-keys/{KEY_ID}/rotate")
def submit_rotate_api_key(key_id: int) -> ResponseReturnValue:
    """Replace a key, and show the new one in this one response."""
    form = RotationForm()
    hours = 0 if not raw_value(form, "keep_old_hours") else form.keep_old_hours.data

    def rotate(session: Session) -> tuple[ApiKey, str]:
        name = keys.get(session, key_id).name
        return keys.rotate(session, name, clock.now(), keep_old_hours=-1 if hours is None else hours)

    try:
        row, key = db.run_in_transaction(rotate)
    except InvalidInput as error:
        show_errors(form, error)
        return _render_rotation(form, key_id), 422
    return render_page(
        "settings/api_keys/created.html", TAB, name=row.name, key=key, is_rotated=True, old_ends_at=row.old_ends_at
    ), 201


@blueprint.get(f"/system/api-keys/{KEY_ID}/revoke")
def revoke_api_key(key_id: int) -> ResponseReturnValue:
    """Ask for confirmation."""
    return render_page("settings/api_keys/revoke.html", TAB, name=keys.get(db.session(), key_id).name)


@blueprint.post(f"/system/api-keys/{KEY_ID}/revoke")
def submit_revoke_api_key(key_id: int) -> ResponseReturnValue:
    """Revoke a key."""

    def revoke(session: Session) -> str:
        name = keys.get(session, key_id).name
        keys.revoke(session, name, clock.now())
        return name

    name = db.run_in_transaction(revoke)
    flash(f"The key {name} is revoked. Calls with it are now refused.", "done")
    return redirect(url_for(TAB), 303)


def _render_rotation(form: RotationForm, key_id: int) -> str:
    return render_page("settings/api_keys/rotate.html", TAB, form=form, key=keys.get(db.session(), key_id))


def _render_form(form: ApiKeyForm) -> str:
    return render_page("settings/api_keys/form.html", TAB, form=form, scope_notes=SCOPES)
