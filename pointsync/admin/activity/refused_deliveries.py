"""What can be done with what a remote has refused: send it again, set it aside, or correct it here."""

import re

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import StringField
from wtforms.validators import DataRequired

from pointsync import clock, db
from pointsync.admin.activity.filters import TAB, page_query
from pointsync.admin.remotes.remote_actions import retry_now
from pointsync.admin.remotes.remote_form import REMOTE_ID
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.runtime import get_runtime
from pointsync.sync.delivery import refused

DELIVERY = "/system/activity/deliveries/<int(max=9223372036854775807):delivery_id>"
MAX_SELECTED = 80
"""Ticked at once: a page's."""

_ROW_ID = re.compile(r"[0-9]{1,18}")
_ALREADY_RESOLVED_MESSAGE = "Nothing was changed: this movement was dealt with meanwhile, or is on its way again."


class SetAsideForm(FlaskForm):  # type: ignore[misc]
    """Why it is not sent."""

    reason = StringField("Reason", [DataRequired("Type why it is not sent; it stays with the movement.")])


@blueprint.post(f"{DELIVERY}/again", provide_automatic_options=False)
def resend_delivery(delivery_id: int) -> ResponseReturnValue:
    """Owe it once more."""
    try:
        db.run_in_transaction(lambda session: refused.send_again(session, delivery_id))
    except Conflict:
        return _redirect_already_resolved()
    get_runtime().wake_couriers()
    flash("It is sent again now. Load this page once more to see what comes of it.", "done")
    return _redirect_to_list()


@blueprint.post("/system/activity/again", provide_automatic_options=False)
def resend_deliveries() -> ResponseReturnValue:
    """The same for all that are ticked; those that were dealt with meanwhile are left as they are."""
    delivery_ids = {int(each) for each in request.form.getlist("delivery")[:MAX_SELECTED] if _ROW_ID.fullmatch(each)}

    def resend_each(session: Session) -> int:
        sent_count = 0
        for delivery_id in sorted(delivery_ids):
            try:
                refused.send_again(session, delivery_id)
            except (Conflict, NotFound):
                continue
            sent_count += 1
        return sent_count

    if not delivery_ids:
        flash("Nothing is ticked: tick the refused movements that shall be sent again.", "warning")
        return _redirect_to_list()
    sent_count = db.run_in_transaction(resend_each)
    if not sent_count:
        return _redirect_already_resolved()
    get_runtime().wake_couriers()
    remaining_count = len(delivery_ids) - sent_count
    flash(
        f"{_count_movements(sent_count)} sent again now."
        + (f" {_count_movements(remaining_count)} dealt with meanwhile and left alone." if remaining_count else ""),
        "warning" if remaining_count else "done",
    )
    return _redirect_to_list()


@blueprint.get(f"{DELIVERY}/aside", provide_automatic_options=False)
def set_aside(delivery_id: int) -> ResponseReturnValue:
    """Ask for the reason."""
    return _render_confirmation("set_aside", delivery_id, form=SetAsideForm())


@blueprint.post(f"{DELIVERY}/aside", provide_automatic_options=False)
def submit_set_aside(delivery_id: int) -> ResponseReturnValue:
    """It is not sent, for that reason."""
    form = SetAsideForm()
    if not form.validate():
        return _render_confirmation("set_aside", delivery_id, form=form, status=422)
    reason = form.reason.data or ""
    try:
        db.run_in_transaction(lambda session: refused.set_aside(session, delivery_id, reason))
    except Conflict:
        return _redirect_already_resolved()
    except InvalidInput as error:
        show_errors(form, error)
        return _render_confirmation("set_aside", delivery_id, form=form, status=422)
    flash("It is set aside: it is not sent, and the reason stands beside it.", "done")
    return _redirect_to_list()


@blueprint.get(f"{DELIVERY}/correct", provide_automatic_options=False)
def correct_refused(delivery_id: int) -> ResponseReturnValue:
    """Say what would be done."""
    return _render_confirmation("correct", delivery_id, error_message=None)


@blueprint.post(f"{DELIVERY}/correct", provide_automatic_options=False)
def submit_correct_refused(delivery_id: int) -> ResponseReturnValue:
    """Take the points back here."""
    now = clock.now()
    try:
        correction_id = db.run_in_transaction(lambda session: refused.correct(session, delivery_id, now))
    except Conflict:
        return _redirect_already_resolved()
    except InvalidInput as error:
        return _render_confirmation("correct", delivery_id, error_message=error.message, status=422)
    flash(f"Corrected here by movement {correction_id}, which stays on this site. It is not sent.", "done")
    return _redirect_to_list()


@blueprint.post(f"/system/activity/remotes/{REMOTE_ID}/retries", provide_automatic_options=False)
def retry_from_activity(remote_id: int) -> ResponseReturnValue:
    """Send all that waits for it, now; and back to the list it was asked from."""
    retry_now(remote_id)
    return _redirect_to_list("admin.attempts" if request.args.get("list") == "attempts" else TAB)


def _render_confirmation(action: str, delivery_id: int, status: int = 200, **values: object) -> ResponseReturnValue:
    """The sheet that asks; who comes too late is told so in the list."""
    try:
        refused_delivery = refused.get(db.session(), delivery_id)
    except Conflict:
        return _redirect_already_resolved()
    return render_page(
        f"activity/refused_{action}.html", TAB, refused_delivery=refused_delivery, list_url=page_query().url(), **values
    ), status


def _redirect_already_resolved() -> ResponseReturnValue:
    flash(_ALREADY_RESOLVED_MESSAGE, "warning")
    return _redirect_to_list()


def _redirect_to_list(endpoint: str = TAB) -> ResponseReturnValue:
    return redirect(page_query(endpoint).url(), 303)


def _count_movements(number: int) -> str:
    return f"{number:,} {'movement is' if number == 1 else 'movements are'}"
