"""System › Activity: long work in the background, with its progress, a way to stop it, and what it has made."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

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
"""So long nobody waits where a process can take the work."""

STOP_MESSAGES = {
    TaskState.STOPPING: ("It ends as soon as the part that is under way is done.", "done"),
    TaskState.STOPPED: ("It is stopped.", "done"),
}


@blueprint.get("/system/works", provide_automatic_options=False)
def task_list() -> ResponseReturnValue:
    """What was asked for lately, the newest first."""
    session, now = db.session(), clock.now()
    recent_tasks = tasks.list_recent(session)
    return render_page(
        "activity/task_list.html", TAB, tasks=recent_tasks, blocked_reason=_blocked_reason(session, recent_tasks, now)
    )


@blueprint.get("/system/works/<int(max=9223372036854775807):task_id>", provide_automatic_options=False)
def task(task_id: int) -> ResponseReturnValue:
    """One of them."""
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


@blueprint.post("/system/works/<int(max=9223372036854775807):task_id>/stop", provide_automatic_options=False)
def stop_task(task_id: int) -> ResponseReturnValue:
    """Let it end."""
    admin_name, now = current_user.name, clock.now()
    task = db.run_in_transaction(lambda session: tasks.stop(session, task_id, admin_name, now))
    flash(*STOP_MESSAGES.get(task.state, ("It has ended already.", "help")))
    return redirect(url_for("admin.task", task_id=task_id), 303)


@blueprint.get("/system/works/<int(max=9223372036854775807):task_id>/file", provide_automatic_options=False)
def task_file(task_id: int) -> ResponseReturnValue:
    """What it has made, to be saved."""
    path = tasks.get_result_file(get_runtime().config.data, tasks.get(db.session(), task_id))
    if path is None:
        raise NotFound
    return _download(path)


def _download(path: Path) -> ResponseReturnValue:
    return send_file(path, mimetype="text/csv", as_attachment=True, download_name=path.name)


def _blocked_reason(session: Session, shown_tasks: Sequence[Task], now: datetime) -> str | None:
    """Why what waits does not begin, by the name of its words in the template; None where it will by itself."""
    if all(each.finished_at for each in shown_tasks):
        return None
    if not leases.is_any_alive(session):
        return "nobody"
    has_started = any(each.holder for each in tasks.list_unfinished(session))
    waiting_since = [each.asked_at for each in shown_tasks if each.state == TaskState.WAITING]
    return "unseen" if waiting_since and not has_started and now - min(waiting_since) > START_TIMEOUT else None
