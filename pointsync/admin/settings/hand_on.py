"""System › Network: hand on the movements of a site that is gone, and allow others to do so."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import StringField

from pointsync import clock, db
from pointsync.admin.settings.network import NETWORK_PATH, TAB
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import DomainError, NotFound
from pointsync.sync.hand_on import jobs, permissions

SECTION = "hand-on"
HAND_ON_PATH = f"{NETWORK_PATH}/hand-on"


class HandOnForm(FlaskForm):  # type: ignore[misc]
    """The site whose movements are handed on."""

    auth = StringField("Auth of the site that is gone")


class AllowForm(FlaskForm):  # type: ignore[misc]
    """The site that is gone, and the one that has its movements."""

    origin = StringField("Auth of the site that is gone")
    sender = StringField("Auth of the site that hands its movements on")


@blueprint.get(HAND_ON_PATH)
def hand_on() -> ResponseReturnValue:
    """Show the form, for the site in the query or for one to be typed."""
    form = HandOnForm()
    form.auth.data = request.args.get("auth", "")
    return render_page("settings/network/hand_on.html", TAB, form=form)


@blueprint.post(HAND_ON_PATH)
def submit_hand_on() -> ResponseReturnValue:
    """Start to hand its movements on."""
    form = HandOnForm()
    try:
        started = db.run_in_transaction(lambda session: jobs.start(session, form.auth.data or "", clock.now()))
    except DomainError as error:
        error.fields = error.fields or {"auth": error.message}
        show_errors(form, error)
        return render_page("settings/network/hand_on.html", TAB, form=form), 422
    noun = "remote" if len(started) == 1 else "remotes"
    flash(f"Its movements are handed on to {len(started):,} {noun}, whose admins must allow it there.", "done")
    return _redirect()


@blueprint.post(f"{HAND_ON_PATH}/stops")
def stop_hand_on() -> ResponseReturnValue:
    """Stop handing on a site's movements."""
    try:
        db.run_in_transaction(lambda session: jobs.stop(session, request.form.get("auth", ""), clock.now()))
    except NotFound as error:
        flash(error.message, "warning")
    else:
        flash("Stopped. What was handed on stays.", "done")
    return _redirect()


@blueprint.get(f"{HAND_ON_PATH}/allow")
def allow_hand_on() -> ResponseReturnValue:
    """Show the form."""
    return render_page("settings/network/hand_on_allow.html", TAB, form=AllowForm())


@blueprint.post(f"{HAND_ON_PATH}/allow")
def submit_allow_hand_on() -> ResponseReturnValue:
    """Allow a site to hand on another site's movements to this one."""
    form, name = AllowForm(), current_user.name
    try:
        db.run_in_transaction(
            lambda session: permissions.allow(
                session, form.origin.data or "", form.sender.data or "", name, clock.now()
            )
        )
    except DomainError as error:
        show_errors(form, error)
        return render_page("settings/network/hand_on_allow.html", TAB, form=form), 422
    flash("Allowed. Its movements arrive when the other site hands them on.", "done")
    return _redirect()


@blueprint.post(f"{HAND_ON_PATH}/withdrawals")
def withdraw_hand_on() -> ResponseReturnValue:
    """End a permission."""
    origin, sender = request.form.get("origin", ""), request.form.get("sender", "")
    try:
        db.run_in_transaction(lambda session: permissions.withdraw(session, origin, sender))
    except NotFound as error:
        flash(error.message, "warning")
    else:
        flash("Withdrawn. What was handed on stays.", "done")
    return _redirect()


def _redirect() -> ResponseReturnValue:
    return redirect(url_for(TAB, _anchor=SECTION), 303)
