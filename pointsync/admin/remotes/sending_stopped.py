"""Resume sending after the admin says whether this database was moved, restored or copied."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from werkzeug.exceptions import NotFound

from pointsync import clock, db
from pointsync.admin.remotes.points_sync import TAB
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict
from pointsync.models import Site
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import parallel_checks
from pointsync.sync.site import installation

DONE_MESSAGES = {
    "moved": "This is the same site in a new location. Sending continues where it stopped.",
    "restored": "This is the same site, restored from a backup. Sending continues, and the remotes send their "
    "movements again.",
    "copy": "This is a copy. It is now a separate site with its own Auth, Pass and key, and without remotes.",
}


@blueprint.get("/system/hold/<what>")
def resume_sending(what: str) -> ResponseReturnValue:
    """Ask for confirmation: a copy loses its remotes, and two installations of one site would move points twice."""
    if what not in DONE_MESSAGES:
        raise NotFound
    return render_page("remotes/sending_stopped.html", TAB, kind=what)


@blueprint.post("/system/hold/<what>")
def submit_resume_sending(what: str) -> ResponseReturnValue:
    """Confirm what this database is, and resume sending."""
    if what not in DONE_MESSAGES:
        raise NotFound
    state = get_runtime()
    if what != "copy" and db.session.scalar(select(Site.hold)):
        parallel_checks.ask_before_confirmation()
    try:
        db.run_in_transaction(
            lambda session: installation.confirm(session, state.vault, state.config, what, clock.now())
        )
    except Conflict as error:
        flash(error.message, "warning")
    else:
        flash(DONE_MESSAGES[what], "done")
        state.wake_couriers()
    return redirect(url_for(TAB), 303)
