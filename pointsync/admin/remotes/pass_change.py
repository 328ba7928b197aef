"""System › Points Sync.: change this site's Pass, and end the old one."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField

from pointsync import clock, db
from pointsync.admin.remotes.points_sync import TAB
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, InvalidInput
from pointsync.models import Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import local_site, passes

PATH = "/system/points-sync/pass"


class PassForm(FlaskForm):  # type: ignore[misc]
    """What happens to the old Pass. `pass_version` identifies the Pass that was current when the form was opened."""

    old = RadioField(
        "The old Pass",
        choices={"grace": "Valid for 24 more hours", "at_once": "Ends at once"},
        default="grace",
        validate_choice=False,
    )
    pass_version = HiddenField()


@blueprint.get(f"{PATH}/change")
def change_pass() -> ResponseReturnValue:
    """Show the form with the two options."""
    return _render_form(
        PassForm(data={"old": "grace", "pass_version": passes.pass_version(db.session.get_one(Site, 1).sealed_pass)})
    )


@blueprint.post(f"{PATH}/change")
def submit_change_pass() -> ResponseReturnValue:
    """Change the Pass. Show the new sharing key and the sites that need it."""
    form, state, now = PassForm(), get_runtime(), clock.now()
    if form.old.data not in ("grace", "at_once"):
        show_errors(form, InvalidInput("old", "Choose what happens to the old Pass."))
        return _render_form(form), 422
    at_once, pass_version = form.old.data == "at_once", form.pass_version.data or ""
    try:
        db.run_in_transaction(
            lambda session: passes.rotate(
                session, state.vault, now, revoke_old_now=at_once, expected_version=pass_version
            )
        )
    except Conflict as error:
        flash(error.message, "warning")
        return redirect(url_for(TAB, _anchor="site"), 303)
    session = db.session()
    identity = local_site.load_identity(session, state.vault, state.config, now)
    old_pass = passes.get_old(session, state.config, now)
    return render_page("remotes/pass_changed.html", TAB, identity=identity, old_pass=old_pass), 201


@blueprint.get(f"{PATH}/end-old")
def end_old_pass() -> ResponseReturnValue:
    """Ask for confirmation, with the names of the sites that would be refused."""
    old_pass = passes.get_old(db.session(), get_runtime().config, clock.now())
    if old_pass is None or not old_pass.is_valid:
        raise Conflict("no_old_pass", "There is no old Pass to end.")
    return render_page("remotes/old_pass_end.html", TAB, old_pass=old_pass)


@blueprint.post(f"{PATH}/end-old")
def submit_end_old_pass() -> ResponseReturnValue:
    """End the old Pass now."""
    now = clock.now()
    try:
        db.run_in_transaction(lambda session: passes.revoke_old(session, now))
    except Conflict as error:
        flash(error.message, "warning")
    else:
        flash("The old Pass has ended. Calls with it are now refused.", "done")
    return redirect(url_for(TAB, _anchor="site"), 303)


def _render_form(form: PassForm) -> str:
    old_pass = passes.get_old(db.session(), get_runtime().config, clock.now())
    return render_page("remotes/pass_change.html", TAB, form=form, old_pass=old_pass)
