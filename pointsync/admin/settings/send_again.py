"""System › Network: send delivered movements to a remote again, after their number is confirmed."""

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, StringField

from pointsync import clock, db
from pointsync.admin.settings.comparison import REMOTE_PATH
from pointsync.admin.settings.network import TAB
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, parse_row_id, render_page
from pointsync.admin.shell.time_zone import get_time_zone
from pointsync.email_address import normalise
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import customers
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import remotes
from pointsync.sync.repair import resend, resend_task
from pointsync.sync.repair.resend import Selection

SINCE, CUSTOMER, ALL = "since", "customer", "all"


class ResendForm(FlaskForm):  # type: ignore[misc]
    """Which movements to send again. `confirmed_count` is the number that the admin saw."""

    which = RadioField(
        "What to send again",
        choices={SINCE: "What was recorded since a time", CUSTOMER: "What one customer has", ALL: "Everything"},
        default=SINCE,
        validate_choice=False,
    )
    since = StringField("Since")
    customer = StringField("Customer")
    confirmed_count = HiddenField()


@blueprint.get(f"{REMOTE_PATH}/send-again")
def send_again(remote_id: int) -> ResponseReturnValue:
    """Show the form."""
    return _render_resend_form(ResendForm(), remote_id)


@blueprint.post(f"{REMOTE_PATH}/send-again")
def submit_send_again(remote_id: int) -> ResponseReturnValue:
    """Count what was chosen, and start the task once the number is confirmed."""
    form, now = ResendForm(), clock.now()
    if "back_to_form" in request.form:
        return _render_resend_form(form, remote_id)
    try:
        selection = _read_selection(form)
        number = resend.count(db.session(), remote_id, selection)
        if parse_row_id(form.confirmed_count.data) != number or not number:
            has_changed = bool(form.confirmed_count.data)
            form.confirmed_count.data = str(number)
            return _render_resend_count(form, remote_id, number, has_changed), 409 if has_changed else 200
        task = db.run_in_transaction(
            lambda session: resend_task.enqueue(
                session, get_runtime().config.data, remote_id, selection, number, current_user.name, now
            )
        )
    except NotFound as error:
        if error.code != "unknown_customer":
            raise
        form.customer.errors = [error.message]
    except InvalidInput as error:
        show_errors(form, error)
    except Conflict as error:
        form.which.errors = [error.message]
    else:
        return redirect(url_for("admin.task", task_id=task.id), 303)
    return _render_resend_form(form, remote_id), 422


def _read_selection(form: ResendForm) -> Selection:
    """Raises InvalidInput for a field, NotFound for the customer."""
    if form.which.data == ALL:
        return Selection()
    if form.which.data == CUSTOMER:
        try:
            email = normalise(form.customer.data or "")
        except InvalidInput as error:
            raise InvalidInput("customer", error.message) from error
        customers.get(db.session(), email)
        return Selection(email=email)
    if form.which.data != SINCE:
        raise InvalidInput("which", "Choose what to send again.")
    try:
        return Selection(since=clock.parse_input(form.since.data or "", get_time_zone()))
    except ValueError:
        raise InvalidInput("since", "Type a day, or a day and a time, such as 2026-01-31 14:30.") from None


def _render_resend_form(form: ResendForm, remote_id: int) -> str:
    remote = remotes.get(db.session(), remote_id)
    return render_page("settings/network/send_again.html", TAB, form=form, remote=remote)


def _render_resend_count(form: ResendForm, remote_id: int, number: int, has_changed: bool) -> str:
    return render_page(
        "settings/network/send_again_count.html",
        TAB,
        form=form,
        remote=remotes.get(db.session(), remote_id),
        number=number,
        has_changed=has_changed,
    )
