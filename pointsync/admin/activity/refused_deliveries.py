"""System › Activity: send a refused movement again, set it aside, or correct it here."""

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
from pointsync.admin.shell.panel import blueprint, parse_row_id, render_page
from pointsync.admin.shell.template_filters import format_count
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.runtime import get_runtime
from pointsync.sync.delivery import refused

DELIVERY_PATH = "/system/activity/deliveries/<big_row_id:delivery_id>"
MAX_SELECTED = 80
"""The largest page size."""

_ALREADY_RESOLVED_MESSAGE = "Nothing was changed: this movement was already resolved or is being sent again."


class SetAsideForm(FlaskForm):  # type: ignore[misc]
    """The reason for setting a movement aside."""

    reason = StringField("Reason", [DataRequired("Type a reason. It is kept with the movement.")])


@blueprint.post(f"{DELIVERY_PATH}/again")
def resend_delivery(delivery_id: int) -> ResponseReturnValue:
    """Send a refused movement again."""
    try:
        db.run_in_transaction(lambda session: refused.send_again(session, delivery_id))
    except Conflict:
        return _redirect_already_resolved()
    get_runtime().wake_couriers()
    flash("Sending it again now. Reload this page to see the result.", "done")
    return _redirect_to_list()


@blueprint.post("/system/activity/again")
def resend_deliveries() -> ResponseReturnValue:
    """Send all selected movements again; those already resolved are skipped."""
    delivery_ids = set(filter(None, map(parse_row_id, request.form.getlist("delivery")[:MAX_SELECTED])))

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
        flash("Nothing is selected. Select the refused movements to send again.", "warning")
        return _redirect_to_list()
    sent_count = db.run_in_transaction(resend_each)
    if not sent_count:
        return _redirect_already_resolved()
    get_runtime().wake_couriers()
    skipped_count = len(delivery_ids) - sent_count
    message = f"Sending {format_count(sent_count, 'movement')} again now."
    if skipped_count:
        flash(f"{message} Skipped {format_count(skipped_count, 'movement')}: already resolved.", "warning")
    else:
        flash(message, "done")
    return _redirect_to_list()


@blueprint.get(f"{DELIVERY_PATH}/aside")
def set_aside(delivery_id: int) -> ResponseReturnValue:
    """Ask for the reason."""
    return _render_confirmation("set_aside", delivery_id, form=SetAsideForm())


@blueprint.post(f"{DELIVERY_PATH}/aside")
def submit_set_aside(delivery_id: int) -> ResponseReturnValue:
    """Set it aside, with the reason."""
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
    flash("Set aside. It will not be sent; the reason is shown in the list.", "done")
    return _redirect_to_list()


@blueprint.get(f"{DELIVERY_PATH}/correct")
def correct_refused(delivery_id: int) -> ResponseReturnValue:
    """Show what the correction would do."""
    return _render_confirmation("correct", delivery_id, error_message=None)


@blueprint.post(f"{DELIVERY_PATH}/correct")
def submit_correct_refused(delivery_id: int) -> ResponseReturnValue:
    """Take the points back on this site."""
    now = clock.now()
    try:
        correction_id = db.run_in_transaction(lambda session: refused.correct(session, delivery_id, now))
    except Conflict:
        return _redirect_already_resolved()
    except InvalidInput as error:
        return _render_confirmation("correct", delivery_id, error_message=error.message, status=422)
    flash(
        f"Corrected here by movement {correction_id}, which stays on this site. The movement will not be sent.", "done"
    )
    return _redirect_to_list()


@blueprint.post(f"/system/activity/remotes/{REMOTE_ID}/retries")
def retry_from_activity(remote_id: int) -> ResponseReturnValue:
    """Send everything waiting for a remote now, and return to the list with the button."""
    retry_now(remote_id)
    return _redirect_to_list("admin.attempts" if request.args.get("list") == "attempts" else TAB)


def _render_confirmation(action: str, delivery_id: int, status: int = 200, **values: object) -> ResponseReturnValue:
    """The confirmation; a redirect to the list, with a notice, if the movement is already resolved."""
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
