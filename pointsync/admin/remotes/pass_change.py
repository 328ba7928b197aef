"""System › Points Sync.: this site's Pass, changed, and the old one's end."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField

from pointsync import clock, db
from pointsync.admin.shell.forms import show_refusal
from pointsync.admin.shell.panel import blueprint, page
from pointsync.errors import Conflict, Invalid
from pointsync.models import Site
from pointsync.runtime import runtime
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
    seen = HiddenField()


@blueprint.get(f"{PATH}/change", provide_automatic_options=False)
def change_pass() -> ResponseReturnValue:
    """The form: what it means, and the two ways."""
    return _page(PassForm(data={"old": "grace", "seen": passes.version(db.db.session.get_one(Site, 1).sealed_pass)}))


@blueprint.post(f"{PATH}/change", provide_automatic_options=False)
def send_change_pass() -> ResponseReturnValue:
    """Change it; then the new sharing key to hand out, and who needs it."""
    form, here, now = PassForm(), runtime(), clock.now()
    if form.old.data not in ("grace", "at_once"):
        show_refusal(form, Invalid("old", "Choose what becomes of the old Pass."))
        return _page(form), 422
    at_once, seen = form.old.data == "at_once", form.seen.data or ""
    try:
        db.in_write(lambda session: passes.rotate(session, here.vault, now, at_once=at_once, seen=seen))
    except Conflict as error:
        flash(error.message, "warning")
        return redirect(url_for(TAB, _anchor="site"), 303)
    session = db.db.session()
    identity = local_site.identity(session, here.vault, here.config, now)
    old = passes.old(session, here.config, now)
    return page("remotes/pass_changed.html", TAB, identity=identity, old=old), 201


@blueprint.get(f"{PATH}/end-old", provide_automatic_options=False)
def end_old_pass() -> ResponseReturnValue:
    """Ask once more, with the names of those who would be refused."""
    old = passes.old(db.db.session(), runtime().config, clock.now())
    if old is None or not old.works:
        raise Conflict("no_old_pass", "No old Pass works: only the present one does.")
    return page("remotes/old_pass_end.html", TAB, old=old)


@blueprint.post(f"{PATH}/end-old", provide_automatic_options=False)
def send_end_old_pass() -> ResponseReturnValue:
    """End it now."""
    now = clock.now()
    try:
        db.in_write(lambda session: passes.end_old(session, now))
    except Conflict as error:
        flash(error.message, "warning")
    else:
        flash("The old Pass has ended: calls with it are refused from now on.", "done")
    return redirect(url_for(TAB, _anchor="site"), 303)


def _page(form: PassForm) -> str:
    old = passes.old(db.db.session(), runtime().config, clock.now())
    return page("remotes/pass_change.html", TAB, form=form, old=old)
