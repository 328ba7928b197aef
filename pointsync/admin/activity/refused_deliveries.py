"""What can be done with what a remote has refused: send it again, set it aside, or correct it here."""

import re

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import StringField
from wtforms.validators import DataRequired

from pointsync import clock, db
from pointsync.admin.activity.filters import TAB, asked
from pointsync.admin.remotes.remote_actions import try_again
from pointsync.admin.remotes.remote_form import ROW
from pointsync.admin.shell.forms import show_refusal
from pointsync.admin.shell.panel import blueprint, page
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.runtime import runtime
from pointsync.sync.delivery import refused

DELIVERY = "/system/activity/deliveries/<int(max=9223372036854775807):delivery_id>"
MOST = 80
"""Ticked at once: a page's."""

_NUMBER = re.compile(r"[0-9]{1,18}")
_DEALT_WITH = "Nothing was changed: this movement was dealt with meanwhile, or is on its way again."


class AsideForm(FlaskForm):  # type: ignore[misc]
    """Why it is not sent."""

    reason = StringField("Reason", [DataRequired("Type why it is not sent; it stays with the movement.")])


@blueprint.post(f"{DELIVERY}/again", provide_automatic_options=False)
def send_again(delivery_id: int) -> ResponseReturnValue:
    """Owe it once more."""
    try:
        db.in_write(lambda session: refused.send_again(session, delivery_id))
    except Conflict:
        return _meanwhile()
    runtime().wake()
    flash("It is sent again now. Load this page once more to see what comes of it.", "done")
    return _back()


@blueprint.post("/system/activity/again", provide_automatic_options=False)
def send_ticked_again() -> ResponseReturnValue:
    """The same for all that are ticked; those that were dealt with meanwhile are left as they are."""
    ticked = {int(each) for each in request.form.getlist("delivery")[:MOST] if _NUMBER.fullmatch(each)}

    def work(session: Session) -> int:
        sent = 0
        for delivery_id in sorted(ticked):
            try:
                refused.send_again(session, delivery_id)
            except (Conflict, NotFound):
                continue
            sent += 1
        return sent

    if not ticked:
        flash("Nothing is ticked: tick the refused movements that shall be sent again.", "warning")
        return _back()
    sent = db.in_write(work)
    if not sent:
        return _meanwhile()
    runtime().wake()
    left = len(ticked) - sent
    flash(
        f"{_count(sent)} sent again now." + (f" {_count(left)} dealt with meanwhile and left alone." if left else ""),
        "warning" if left else "done",
    )
    return _back()


@blueprint.get(f"{DELIVERY}/aside", provide_automatic_options=False)
def set_aside(delivery_id: int) -> ResponseReturnValue:
    """Ask for the reason."""
    return _page("set_aside", delivery_id, form=AsideForm())


@blueprint.post(f"{DELIVERY}/aside", provide_automatic_options=False)
def send_set_aside(delivery_id: int) -> ResponseReturnValue:
    """It is not sent, for that reason."""
    form = AsideForm()
    if not form.validate():
        return _page("set_aside", delivery_id, form=form, status=422)
    reason = form.reason.data or ""
    try:
        db.in_write(lambda session: refused.set_aside(session, delivery_id, reason))
    except Conflict:
        return _meanwhile()
    except Invalid as error:
        show_refusal(form, error)
        return _page("set_aside", delivery_id, form=form, status=422)
    flash("It is set aside: it is not sent, and the reason stands beside it.", "done")
    return _back()


@blueprint.get(f"{DELIVERY}/correct", provide_automatic_options=False)
def correct_refused(delivery_id: int) -> ResponseReturnValue:
    """Say what would be done."""
    return _page("correct", delivery_id)


@blueprint.post(f"{DELIVERY}/correct", provide_automatic_options=False)
def send_correct_refused(delivery_id: int) -> ResponseReturnValue:
    """Take the points back here."""
    now = clock.now()
    try:
        made = db.in_write(lambda session: refused.correct(session, delivery_id, now))
    except Conflict:
        return _meanwhile()
    except Invalid as error:
        return _page("correct", delivery_id, problem=error.message, status=422)
    flash(f"Corrected here by movement {made}, which stays on this site. It is not sent.", "done")
    return _back()


@blueprint.post(f"/system/activity/remotes/{ROW}/retries", provide_automatic_options=False)
def retry_from_activity(remote_id: int) -> ResponseReturnValue:
    """Send all that waits for it, now; and back to the list it was asked from."""
    try_again(remote_id)
    return _back("admin.attempts" if request.args.get("list") == "attempts" else TAB)


def _page(what: str, delivery_id: int, status: int = 200, **values: object) -> ResponseReturnValue:
    """The sheet that asks; who comes too late is told so in the list."""
    try:
        one = refused.get(db.db.session(), delivery_id)
    except Conflict:
        return _meanwhile()
    return page(f"activity/refused_{what}.html", TAB, one=one, back=asked().address(), **values), status


def _meanwhile() -> ResponseReturnValue:
    flash(_DEALT_WITH, "warning")
    return _back()


def _back(endpoint: str = TAB) -> ResponseReturnValue:
    return redirect(asked(endpoint).address(), 303)


def _count(number: int) -> str:
    return f"{number:,} {'movement is' if number == 1 else 'movements are'}"
