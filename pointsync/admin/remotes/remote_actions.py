"""Remote sites: what can be done with a line. Each action is something to POST to."""

from collections.abc import Callable

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.admin.remotes.remote_form import ROW, TAB
from pointsync.admin.shell.panel import blueprint, page
from pointsync.errors import Conflict
from pointsync.models import Remote
from pointsync.runtime import runtime
from pointsync.sync.remotes import backfill, blocked_origins, queue, remotes, sharing_key
from pointsync.sync.remotes.check import check

LINE = f"/system/points-sync/remotes/{ROW}"


@blueprint.post(f"{LINE}/tests", provide_automatic_options=False)
def test_remote(remote_id: int) -> ResponseReturnValue:
    """Ping it, and show what was found."""
    check(remote_id)
    return _back(remote_id)


@blueprint.post(f"{LINE}/retries", provide_automatic_options=False)
def retry_remote(remote_id: int) -> ResponseReturnValue:
    """Send all that waits, now."""
    try_again(remote_id)
    return _back()


def try_again(remote_id: int) -> None:
    """Send all that waits for it, now, and leave a notice that says so."""
    remote = _change(remote_id, lambda session, line: remotes.retry(session, line, clock.now()))
    runtime().wake()
    if blocked_origins.is_blocked(db.db.session(), remote.auth):
        flash(f"{_name(remote)} is blocked: unblock it under Network, and what waits is sent.", "warning")
    elif remote.paused_at:
        flash(f"{_name(remote)} is paused: resume it, and what waits is sent.", "warning")
    else:
        flash(f"Trying {_name(remote)} again now. Its status below says what comes of it.", "done")


@blueprint.post(f"{LINE}/pauses", provide_automatic_options=False)
def pause_remote(remote_id: int) -> ResponseReturnValue:
    """Send nothing until it is resumed."""
    remote = _change(remote_id, lambda session, line: remotes.pause(session, line, clock.now()))
    flash(f"{_name(remote)} is paused. What is made here waits for it until you resume it.", "done")
    return _back()


@blueprint.post(f"{LINE}/resumes", provide_automatic_options=False)
def resume_remote(remote_id: int) -> ResponseReturnValue:
    """Send again."""
    remote = _change(remote_id, remotes.resume)
    runtime().wake()
    flash(f"{_name(remote)} is sent to again, beginning with what waits.", "done")
    return _back()


@blueprint.post(f"{LINE}/plain-http", provide_automatic_options=False)
def use_plain_http(remote_id: int) -> ResponseReturnValue:
    """The same line over http, in clear, where https does not answer; and ping it."""
    vault, now = runtime().vault, clock.now()

    def work(session: Session, remote: Remote) -> None:
        typed = sharing_key.Typed(
            url=remote.url.replace("https://", "http://", 1),
            auth=remote.auth,
            password=vault.open(remote.sealed_pass),
            target=remote.target,
            observed=remote.reserve.key,
            template=remote.query_template,
        )
        remotes.change(session, vault, remote, typed, remote.version, now)

    _change(remote_id, work)
    check(remote_id)
    return _back(remote_id)


@blueprint.post(f"{LINE}/history/stops", provide_automatic_options=False)
def stop_history(remote_id: int) -> ResponseReturnValue:
    """Owe it no more of the history; what is owed already is sent."""
    remote = _change(remote_id, lambda session, line: backfill.stop(session, line, clock.now()))
    flash(f"{_name(remote)} is owed no more of the history; what stands in line already is sent.", "done")
    return _back()


@blueprint.get(f"{LINE}/delete", provide_automatic_options=False)
def delete_remote(remote_id: int) -> ResponseReturnValue:
    """Ask once more, with the count of what would never arrive."""
    return _ask_to_delete(remote_id)


@blueprint.post(f"{LINE}/delete", provide_automatic_options=False)
def send_delete_remote(remote_id: int) -> ResponseReturnValue:
    """Hide the line with its facts, when what waits is still as many as was confirmed."""
    dropping = request.form.get("dropping", 0, type=int)
    try:
        remote = _change(remote_id, lambda session, line: remotes.remove(session, line, clock.now(), dropping=dropping))
    except Conflict:
        return _ask_to_delete(remote_id, was=dropping), 422
    flash(f"The line for {_name(remote)} is deleted. Add the same site again to go on from there.", "done")
    return _back()


def _change(remote_id: int, change: Callable[[Session, Remote], object]) -> Remote:
    """The line after `change`, in a transaction of its own. Raises NotFound."""

    def work(session: Session) -> Remote:
        remote = remotes.get(session, remote_id)
        change(session, remote)
        return remote

    return db.in_write(work)


def _ask_to_delete(remote_id: int, **values: int) -> str:
    session = db.db.session()
    remote = remotes.get(session, remote_id)
    return page("remotes/remote_delete.html", TAB, remote=remote, waiting=queue.owed(session, remote.id), **values)


def _name(remote: Remote) -> str:
    return remote.name or remote.url


def _back(checked: int | None = None) -> ResponseReturnValue:
    return redirect(url_for(TAB, checked=checked, _anchor="remotes"), 303)
