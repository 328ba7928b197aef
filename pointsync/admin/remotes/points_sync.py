"""System › Points Sync.: Local site information, Remote sites, and Advanced Settings."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import StringField
from wtforms.validators import InputRequired

from pointsync import clock, crypto, db
from pointsync.admin.shell.forms import VersionedForm, show_errors, validate_setting
from pointsync.admin.shell.panel import blueprint, parse_row_id, render_page
from pointsync.errors import Conflict
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import pinned_key, queue
from pointsync.sync.site import local_site, passes, settings

TAB = "admin.points_sync"
HTTP_MAY_HELP_CODES = frozenset({"refused_connection", "timeout", "certificate", "bad_answer", "not_a_site"})
"""The ping codes over HTTPS of a site that may answer over HTTP only."""


class AdvancedSettingsForm(VersionedForm):
    """The four Advanced Settings, named as in `settings.DEFINITIONS`."""

    max_attempts = StringField("Max sync. attempt", [InputRequired("Type a number of attempts."), validate_setting])
    delay_seconds = StringField(
        "Delay between new attempt (in seconds)", [InputRequired("Type a number of seconds."), validate_setting]
    )
    statistics_days = StringField(
        "Period covered by statistics (in days)", [InputRequired("Type a number of days."), validate_setting]
    )
    warning_days = StringField("Warning Period (in days)", [InputRequired("Type a number of days."), validate_setting])


@blueprint.get("/system/points-sync")
def points_sync() -> ResponseReturnValue:
    """The tab."""
    return render_tab()


@blueprint.post("/system/points-sync")
def save_points_sync() -> ResponseReturnValue:
    """Save the Advanced Settings: all four, or none."""
    form = AdvancedSettingsForm()
    if not form.validate():
        return render_tab(form), 422
    try:
        warnings = db.run_in_transaction(lambda session: _save(session, form))
    except Conflict as error:
        show_errors(form, error)
        return render_tab(form), 422
    flash("Saved.", "done")
    for warning in filter(None, warnings):
        flash(warning, "warning")
    return redirect(url_for(TAB), 303)


def _save(session: Session, form: AdvancedSettingsForm) -> list[str | None]:
    """Save the settings; a warning or None for each. Raises Conflict `changed_meanwhile`."""
    current_values = _form_values(settings.read(session))
    form.check_unchanged(current_values)
    return [settings.change(session, name, form[name].data) for name in current_values]


def _form_values(current_settings: settings.Settings) -> dict[str, str]:
    """The current values of the form's fields."""
    return {
        name: str(getattr(current_settings, name))
        for name in settings.DEFINITIONS
        if hasattr(AdvancedSettingsForm, name)
    }


def render_tab(form: AdvancedSettingsForm | None = None, revealed_secrets: dict[str, str] | None = None) -> str:
    """The tab with `form` as submitted; `revealed_secrets` are shown, by the names in their URLs."""
    session, state, now = db.session(), get_runtime(), clock.now()
    current_settings = settings.read(session)
    identity = local_site.load_identity(session, state.vault, state.config, now)
    remote_rows = queue.list_rows(session, current_settings, now)
    checked_id = parse_row_id(request.args.get("saved") or request.args.get("checked"))
    return render_page(
        "remotes/points_sync.html",
        TAB,
        identity=identity,
        fingerprint=crypto.format_fingerprint(identity.public_key),
        old_pass=passes.get_old(session, state.config, now),
        undecided_keys=pinned_key.list_undecided(session),
        remote_rows=remote_rows,
        form=form
        or AdvancedSettingsForm(data=_form_values(current_settings)).with_original_values(
            _form_values(current_settings)
        ),
        definitions=settings.DEFINITIONS,
        checked_remote=next((row.remote for row in remote_rows if row.remote.id == checked_id), None),
        is_saved="saved" in request.args,
        http_may_help_codes=HTTP_MAY_HELP_CODES,
        revealed_secrets=revealed_secrets or {},
    )
