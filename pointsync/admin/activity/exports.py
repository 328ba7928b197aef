"""Export as CSV: each list asks for a work with the filters that are on screen, and leads to its page."""

from collections.abc import Callable

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.admin.shell.panel import blueprint, row_number
from pointsync.exports import export_task
from pointsync.exports.export_task import Wanted
from pointsync.runtime import runtime


@blueprint.post("/customers/export", provide_automatic_options=False)
def export_customers() -> ResponseReturnValue:
    """The list of customers, with their balances."""
    search, reserve_key = request.form.get("q", ""), request.form.get("reserve")
    return _ask(lambda session: export_task.customer_rows(session, search, reserve_key))


@blueprint.post("/customers/<int(max=9223372036854775807):customer_id>/export", provide_automatic_options=False)
def export_history(customer_id: int) -> ResponseReturnValue:
    """A customer's history."""
    reserve_key = request.form.get("reserve")
    return _ask(lambda session: export_task.history_rows(session, customer_id, reserve_key))


@blueprint.post("/system/activity/export", provide_automatic_options=False)
def export_deliveries() -> ResponseReturnValue:
    """Deliveries."""
    typed = request.form.get("remote")
    remote_id = (row_number(typed) or 0) if typed else None
    state, email = request.form.get("state") or None, request.form.get("customer", "").strip() or None
    return _ask(lambda session: export_task.delivery_rows(session, remote_id, state, email))


def _ask(wanted: Callable[[Session], Wanted]) -> ResponseReturnValue:
    now, by, data = clock.now(), current_user.name, runtime().config.data
    asked = db.in_write(lambda session: export_task.ask(session, data, wanted(session), by, now))
    return redirect(url_for("admin.work", work_id=asked.id), 303)
