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
from pointsync.admin.shell.panel import blueprint, page
from pointsync.models import Work, WorkState
from pointsync.runtime import runtime
from pointsync.tasks import tasks as works

LONG = timedelta(minutes=1)
"""So long nobody waits where a process can take the work."""

STOPPED = {
    WorkState.STOPPING: ("It ends as soon as the part that is under way is done.", "done"),
    WorkState.STOPPED: ("It is stopped.", "done"),
}


@blueprint.get("/system/works", provide_automatic_options=False)
def all_works() -> ResponseReturnValue:
    """What was asked for lately, the newest first."""
    session, now = db.db.session(), clock.now()
    rows = works.last(session)
    return page("activity/task_list.html", TAB, rows=rows, held_up=_held_up(session, rows, now))


@blueprint.get("/system/works/<int(max=9223372036854775807):work_id>", provide_automatic_options=False)
def work(work_id: int) -> ResponseReturnValue:
    """One of them."""
    session, now = db.db.session(), clock.now()
    asked = works.get(session, work_id)
    return page(
        "activity/task.html",
        TAB,
        work=asked,
        held_up=_held_up(session, [asked], now),
        before=next((each for each in works.unfinished(session) if each.id < asked.id), None),
        file=works.made(runtime().config.data, asked),
    )


@blueprint.post("/system/works/<int(max=9223372036854775807):work_id>/stop", provide_automatic_options=False)
def stop_work(work_id: int) -> ResponseReturnValue:
    """Let it end."""
    by, now = current_user.name, clock.now()
    asked = db.in_write(lambda session: works.stop(session, work_id, by, now))
    flash(*STOPPED.get(asked.state, ("It has ended already.", "help")))
    return redirect(url_for("admin.work", work_id=work_id), 303)


@blueprint.get("/system/works/<int(max=9223372036854775807):work_id>/file", provide_automatic_options=False)
def work_file(work_id: int) -> ResponseReturnValue:
    """What it has made, to be saved."""
    path = works.made(runtime().config.data, works.get(db.db.session(), work_id))
    if path is None:
        raise NotFound
    return _download(path)


def _download(path: Path) -> ResponseReturnValue:
    return send_file(path, mimetype="text/csv", as_attachment=True, download_name=path.name)


def _held_up(session: Session, rows: Sequence[Work], now: datetime) -> str | None:
    """Why what waits does not begin, by the name of its words in the template; None where it will by itself."""
    if all(each.finished_at for each in rows):
        return None
    if not leases.any_alive(session):
        return "nobody"
    is_begun = any(each.holder for each in works.unfinished(session))
    waits = [each.asked_at for each in rows if each.state == WorkState.WAITING]
    return "unseen" if waits and not is_begun and now - min(waits) > LONG else None
