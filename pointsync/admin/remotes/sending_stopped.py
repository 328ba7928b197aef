"""What this database is, when that is in doubt: the admin's word ends the hold."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from pointsync import clock, db
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict
from pointsync.runtime import get_runtime
from pointsync.sync.site import local_site

DONE_MESSAGES = {
    "moved": "This is the same site at a new place. It sends again, and goes on where it stood.",
    "restored": "This is the same site, brought back from a backup. It sends again, and its remotes send "
    "again what they had delivered.",
    "copy": "This is a copy. It is a site of its own now, with its own Auth., Pass. and key, and without remotes.",
}


@blueprint.get("/system/hold/<what>", provide_automatic_options=False)
def resume_sending(what: str) -> ResponseReturnValue:
    """Ask once more: a copy loses its remotes, and two sites that both go on would move points twice."""
    if what not in DONE_MESSAGES:
        raise NotFound
    return render_page("remotes/sending_stopped.html", "admin.points_sync", kind=what)


@blueprint.post("/system/hold/<what>", provide_automatic_options=False)
def submit_resume_sending(what: str) -> ResponseReturnValue:
    """Take the admin's word, and send again."""
    if what not in DONE_MESSAGES:
        raise NotFound
    state = get_runtime()
    try:
        db.run_in_transaction(
            lambda session: local_site.confirm_installation(session, state.vault, state.config, what, clock.now())
        )
    except Conflict as error:
        flash(error.message, "warning")
    else:
        flash(DONE_MESSAGES[what], "done")
        state.wake_couriers()
    return redirect(url_for("admin.points_sync"), 303)
