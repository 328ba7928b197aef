"""Remote sites: accept or refuse a key of a site that is not pinned."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField

from pointsync import clock, db
from pointsync.admin.remotes.points_sync import TAB
from pointsync.admin.remotes.remote_actions import REMOTE_PATH
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, InvalidInput
from pointsync.models import Remote
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import pinned_key, remotes
from pointsync.sync.remotes.check import check_remote


class KeyDecisionForm(FlaskForm):  # type: ignore[misc]
    """Whether to accept the offered key. `fingerprint` is the one that the admin saw."""

    what = RadioField(
        "The new key", choices={"accept": "Accept this key", "refuse": "Refuse it"}, validate_choice=False
    )
    fingerprint = HiddenField()


@blueprint.get(f"{REMOTE_PATH}/key")
def remote_key(remote_id: int) -> ResponseReturnValue:
    """Show the fingerprints of both keys, and what a key that is not pinned can mean."""
    return _render_form(KeyDecisionForm(), remotes.get(db.session(), remote_id))


@blueprint.post(f"{REMOTE_PATH}/key")
def submit_remote_key(remote_id: int) -> ResponseReturnValue:
    """Pin the new key and check the site, or keep the pinned key."""
    form, now = KeyDecisionForm(), clock.now()
    remote = remotes.get(db.session(), remote_id)
    decide = {"accept": pinned_key.accept, "refuse": pinned_key.refuse}.get(form.what.data or "")
    if decide is None:
        show_errors(form, InvalidInput("what", "Choose one of the two options."))
        return _render_form(form, remote), 422
    shown_fingerprint = form.fingerprint.data or ""
    try:
        db.run_in_transaction(lambda session: decide(session, remotes.get(session, remote_id), shown_fingerprint, now))
    except Conflict as error:
        flash(error.message, "warning")
        return redirect(url_for(TAB, _anchor="remotes"), 303)
    if form.what.data == "accept":
        check_remote(remote_id)
        get_runtime().wake_couriers()
        return redirect(url_for(TAB, checked=remote_id, _anchor="remotes"), 303)
    has_pinned_key = pinned_key.read(db.session(), remote).pinned is not None
    flash(
        f"The new key is refused. Nothing is sent to {remote.display_name} until it "
        + ("answers with the pinned key again." if has_pinned_key else "proves another key."),
        "done",
    )
    return redirect(url_for(TAB, _anchor="remotes"), 303)


def _render_form(form: KeyDecisionForm, remote: Remote) -> str:
    """The form. Raises Conflict if the site offers no other key."""
    keys = pinned_key.read(db.session(), remote)
    if keys.offered is None:
        raise Conflict("no_other_key", "This site offers no other key. It may answer with the pinned key again.")
    return render_page("remotes/offered_key.html", TAB, form=form, remote=remote, keys=keys)
