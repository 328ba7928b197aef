"""Export as CSV: start a background task with the list's filters, and lead to the task's page."""

from collections.abc import Callable

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.admin.shell.panel import blueprint, parse_row_id
from pointsync.exports import export_task
from pointsync.exports.export_task import Filter
from pointsync.runtime import get_runtime


@blueprint.post("/customers/export")
def export_customers() -> ResponseReturnValue:
    """Export the list of customers with their balances."""
    search, reserve_key = request.form.get("q", ""), request.form.get("reserve")
    return _enqueue_export(lambda session: export_task.filter_customers(session, search, reserve_key))


@blueprint.post("/customers/<big_row_id:customer_id>/export")
def export_customer_history(customer_id: int) -> ResponseReturnValue:
    """Export a customer's history."""
    reserve_key = request.form.get("reserve")
    return _enqueue_export(lambda session: export_task.filter_movements(session, customer_id, reserve_key))


@blueprint.post("/system/activity/export")
def export_deliveries() -> ResponseReturnValue:
    """Export deliveries."""
    remote_text = request.form.get("remote")
    remote_id = (parse_row_id(remote_text) or 0) if remote_text else None
    state, email = request.form.get("state") or None, request.form.get("customer", "").strip() or None
    return _enqueue_export(lambda session: export_task.filter_deliveries(session, remote_id, state, email))


def _enqueue_export(build_filter: Callable[[Session], Filter]) -> ResponseReturnValue:
    now, admin_name, data = clock.now(), current_user.name, get_runtime().config.data
    task = db.run_in_transaction(
        lambda session: export_task.enqueue(session, data, build_filter(session), admin_name, now)
    )
    return redirect(url_for("admin.task", task_id=task.id), 303)
