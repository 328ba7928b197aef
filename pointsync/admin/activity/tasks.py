"""System › Activity: background tasks with their progress, and the files that they wrote."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from flask import flash, redirect, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound

from pointsync import clock, db, leases
from pointsync.admin.activity.filters import TAB
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.models import Task, TaskState
from pointsync.runtime import get_runtime
from pointsync.tasks import tasks

START_TIMEOUT = timedelta(minutes=1)
"""A running worker starts a task sooner than this."""

STOP_MESSAGES = {
    TaskState.STOPPING: ("Stopping after the current step.", "done"),
    TaskState.STOPPED: ("Stopped.", "done"),
}


@blueprint.get("/system/works")
def task_list() -> ResponseReturnValue:
    """List the latest tasks, newest first."""
    session, now = db.session(), clock.now()
    recent_tasks = tasks.list_recent(session)
    return render_page(
        "activity/task_list.html", TAB, tasks=recent_tasks, blocked_reason=_blocked_reason(session, recent_tasks, now)
    )


@blueprint.get("/system/works/<big_row_id:task_id>")
def task(task_id: int) -> ResponseReturnValue:
    """Show a task."""
    session, now = db.session(), clock.now()
    task = tasks.get(session, task_id)
    return render_page(
        "activity/task.html",
        TAB,
        task=task,
        blocked_reason=_blocked_reason(session, [task], now),
        preceding_task=next((each for each in tasks.list_unfinished(session) if each.id < task.id), None),
        file=tasks.get_result_file(get_runtime().config.data, task),
    )


@blueprint.post("/system/works/<big_row_id:task_id>/stop")
def stop_task(task_id: int) -> ResponseReturnValue:
    """Stop a task after its current step."""
    admin_name, now = current_user.name, clock.now()
    task = db.run_in_transaction(lambda session: tasks.stop(session, task_id, admin_name, now))
    flash(*STOP_MESSAGES.get(task.state, ("It has already finished.", "help")))
    return redirect(url_for("admin.task", task_id=task_id), 303)


@blueprint.get("/system/works/<big_row_id:task_id>/file")
def task_file(task_id: int) -> ResponseReturnValue:
    """Download the file that a task wrote."""
    path = tasks.get_result_file(get_runtime().config.data, tasks.get(db.session(), task_id))
    if path is None:
        raise NotFound
    return send_file(path, mimetype="text/csv", as_attachment=True, download_name=path.name)


def _blocked_reason(session: Session, shown_tasks: Sequence[Task], now: datetime) -> str | None:
    """Why queued tasks do not start, as `task_blocked_reason` in the templates takes it; None if they will."""
    if all(each.finished_at for each in shown_tasks):
        return None
    if not leases.is_any_alive(session):
        return "nobody"
    has_started = any(each.holder for each in tasks.list_unfinished(session))
    waiting_since = [each.asked_at for each in shown_tasks if each.state == TaskState.WAITING]
    return "unseen" if waiting_since and not has_started and now - min(waiting_since) > START_TIMEOUT else None
