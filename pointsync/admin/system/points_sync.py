"""System › Points Sync.: this site for the others, the Remote sites, and the Advanced Settings."""

from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import InputRequired

from pointsync import clock, crypto, db
from pointsync.admin.forms import check_setting
from pointsync.admin.panel import blueprint, page, row_number
from pointsync.runtime import runtime
from pointsync.sync import passes, pinned, settings, site, standing

TAB = "admin.points_sync"
PLAIN_MAY_HELP = frozenset({"refused_connection", "timeout", "certificate", "bad_answer", "not_a_site"})
"""What a ping over https finds where a site answers over http only."""


class AdvancedForm(FlaskForm):  # type: ignore[misc]
    """The four Advanced Settings, named as in `settings.KINDS`."""

    max_attempts = StringField("Max sync. attempt", [InputRequired("Type a number of attempts."), check_setting])
    delay_seconds = StringField(
        "Delay between new attempt (in seconds)", [InputRequired("Type a number of seconds."), check_setting]
    )
    statistics_days = StringField(
        "Period covered by statistics (in days)", [InputRequired("Type a number of days."), check_setting]
    )
    warning_days = StringField("Warning Period (in days)", [InputRequired("Type a number of days."), check_setting])


@blueprint.get("/system/points-sync", provide_automatic_options=False)
def points_sync() -> ResponseReturnValue:
    """The tab."""
    return show()


@blueprint.post("/system/points-sync", provide_automatic_options=False)
def save_points_sync() -> ResponseReturnValue:
    """Save the Advanced Settings: all four, or none."""
    form = AdvancedForm()
    if not form.validate():
        return show(form), 422
    typed = {field.short_name: field.data for field in form if field.short_name in settings.KINDS}
    warnings = db.in_write(
        lambda session: [settings.change(session, name, value) for name, value in typed.items()],
    )
    flash("Saved. The settings are in force from now on.", "done")
    for warning in filter(None, warnings):
        flash(warning, "warning")
    return redirect(url_for(TAB), 303)


def show(form: AdvancedForm | None = None, **values: Any) -> str:
    """The tab with `form` as it was typed; `values` say which secret is shown."""
    session, here, now = db.db.session(), runtime(), clock.now()
    known = settings.read(session)
    identity = site.identity(session, here.vault, here.config, now)
    lines = standing.lines(session, known, now.date())
    checked = row_number(request.args.get("saved") or request.args.get("checked"))
    return page(
        "system/points_sync.html",
        TAB,
        identity=identity,
        fingerprint=crypto.fingerprint(identity.public_key),
        old_pass=passes.old(session, here.config, now),
        offering=pinned.offered(session),
        lines=lines,
        form=form or AdvancedForm(data={name: getattr(known, name) for name in settings.KINDS}),
        kinds=settings.KINDS,
        checked=next((line.remote for line in lines if line.remote.id == checked), None),
        saved="saved" in request.args,
        plain_may_help=PLAIN_MAY_HELP,
        **values,
    )
