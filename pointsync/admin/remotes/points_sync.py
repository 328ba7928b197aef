"""System › Points Sync.: this site for the others, the Remote sites, and the Advanced Settings."""

from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import StringField
from wtforms.validators import InputRequired

from pointsync import clock, crypto, db
from pointsync.admin.shell.forms import ChangeForm, check_setting, show_refusal
from pointsync.admin.shell.panel import blueprint, page, row_number
from pointsync.errors import Conflict
from pointsync.runtime import runtime
from pointsync.sync.remotes import pinned_key, queue
from pointsync.sync.site import local_site, passes, settings

TAB = "admin.points_sync"
PLAIN_MAY_HELP = frozenset({"refused_connection", "timeout", "certificate", "bad_answer", "not_a_site"})
"""What a ping over https finds where a site answers over http only."""


class AdvancedForm(ChangeForm):
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
    try:
        warnings = db.in_write(lambda session: _save(session, form))
    except Conflict as error:
        show_refusal(form, error)
        return show(form), 422
    flash("Saved. The settings are in force from now on.", "done")
    for warning in filter(None, warnings):
        flash(warning, "warning")
    return redirect(url_for(TAB), 303)


def _save(session: Session, form: AdvancedForm) -> list[str | None]:
    """Store what was typed; a word of warning, or None, for each. Raises Conflict `changed_meanwhile`."""
    now = _values(settings.read(session))
    form.check_seen(now)
    return [settings.change(session, name, form[name].data) for name in now]


def _values(known: settings.Settings) -> dict[str, str]:
    """What the form is about, as it is now."""
    return {name: str(getattr(known, name)) for name in settings.KINDS if hasattr(AdvancedForm, name)}


def show(form: AdvancedForm | None = None, **values: Any) -> str:
    """The tab with `form` as it was typed; `values` say which secret is shown."""
    session, here, now = db.db.session(), runtime(), clock.now()
    known = settings.read(session)
    identity = local_site.identity(session, here.vault, here.config, now)
    lines = queue.lines(session, known, now.date())
    checked = row_number(request.args.get("saved") or request.args.get("checked"))
    return page(
        "remotes/points_sync.html",
        TAB,
        identity=identity,
        fingerprint=crypto.fingerprint(identity.public_key),
        old_pass=passes.old(session, here.config, now),
        offering=pinned_key.offered(session),
        lines=lines,
        form=form or AdvancedForm(data=_values(known)).made_from(_values(known)),
        kinds=settings.KINDS,
        checked=next((line.remote for line in lines if line.remote.id == checked), None),
        saved="saved" in request.args,
        plain_may_help=PLAIN_MAY_HELP,
        **values,
    )
