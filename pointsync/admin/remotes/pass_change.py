"""System › Points Sync.: this site's Pass, changed, and the old one's end."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField

from pointsync import clock, db
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, InvalidInput
from pointsync.models import Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import local_site, passes

TAB = "admin.points_sync"
PATH = "/system/points-sync/pass"


class PassForm(FlaskForm):  # type: ignore[misc]
    """How the Pass is changed; `seen` names the one that was there when the form was asked for."""

    old = RadioField(
        "The old Pass",
        choices={"grace": "Works for 24 hours more", "at_once": "Ends at once"},
        default="grace",
        validate_choice=False,
    )
    pass_version = HiddenField()


@blueprint.get(f"{PATH}/change", provide_automatic_options=False)
def change_pass() -> ResponseReturnValue:
    """The form: what it means, and the two ways."""
    return _render_form(
        PassForm(data={"old": "grace", "pass_version": passes.pass_version(db.session.get_one(Site, 1).sealed_pass)})
    )


@blueprint.post(f"{PATH}/change", provide_automatic_options=False)
def submit_change_pass() -> ResponseReturnValue:
    """Change it; then the new sharing key to hand out, and who needs it."""
    form, state, now = PassForm(), get_runtime(), clock.now()
    if form.old.data not in ("grace", "at_once"):
        show_errors(form, InvalidInput("old", "Choose what becomes of the old Pass."))
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


@blueprint.get(f"{PATH}/end-old", provide_automatic_options=False)
def end_old_pass() -> ResponseReturnValue:
    """Ask once more, with the names of those who would be refused."""
    old_pass = passes.get_old(db.session(), get_runtime().config, clock.now())
    if old_pass is None or not old_pass.is_valid:
        raise Conflict("no_old_pass", "No old Pass works: only the present one does.")
    return render_page("remotes/old_pass_end.html", TAB, old_pass=old_pass)


@blueprint.post(f"{PATH}/end-old", provide_automatic_options=False)
def submit_end_old_pass() -> ResponseReturnValue:
    """End it now."""
    now = clock.now()
    try:
        db.run_in_transaction(lambda session: passes.revoke_old(session, now))
    except Conflict as error:
        flash(error.message, "warning")
    else:
        flash("The old Pass has ended: calls with it are refused from now on.", "done")
    return redirect(url_for(TAB, _anchor="site"), 303)


def _render_form(form: PassForm) -> str:
    old_pass = passes.get_old(db.session(), get_runtime().config, clock.now())
    return render_page("remotes/pass_change.html", TAB, form=form, old_pass=old_pass)
