"""Remote sites: what can be done with a line. Each action is something to POST to."""

from collections.abc import Callable

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.admin.remotes.remote_form import REMOTE_ID, TAB
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict
from pointsync.models import Remote
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import backfill, blocked_origins, queue, remotes, sharing_key
from pointsync.sync.remotes.check import check_remote

REMOTE_PATH = f"/system/points-sync/remotes/{REMOTE_ID}"


@blueprint.post(f"{REMOTE_PATH}/tests", provide_automatic_options=False)
def test_remote(remote_id: int) -> ResponseReturnValue:
    """Ping it, and show what was found."""
    check_remote(remote_id)
    return _redirect_to_tab(remote_id)


@blueprint.post(f"{REMOTE_PATH}/retries", provide_automatic_options=False)
def retry_remote(remote_id: int) -> ResponseReturnValue:
    """Send all that waits, now."""
    retry_now(remote_id)
    return _redirect_to_tab()


def retry_now(remote_id: int) -> None:
    """Send all that waits for it, now, and leave a notice that says so."""
    remote = _update_remote(remote_id, lambda session, remote: remotes.retry(session, remote, clock.now()))
    get_runtime().wake_couriers()
    if blocked_origins.is_blocked(db.session(), remote.auth):
        flash(f"{_remote_name(remote)} is blocked: unblock it under Network, and what waits is sent.", "warning")
    elif remote.paused_at:
        flash(f"{_remote_name(remote)} is paused: resume it, and what waits is sent.", "warning")
    else:
        flash(f"Trying {_remote_name(remote)} again now. Its status below says what comes of it.", "done")


@blueprint.post(f"{REMOTE_PATH}/pauses", provide_automatic_options=False)
def pause_remote(remote_id: int) -> ResponseReturnValue:
    """Send nothing until it is resumed."""
    remote = _update_remote(remote_id, lambda session, remote: remotes.pause(session, remote, clock.now()))
    flash(f"{_remote_name(remote)} is paused. What is made here waits for it until you resume it.", "done")
    return _redirect_to_tab()


@blueprint.post(f"{REMOTE_PATH}/resumes", provide_automatic_options=False)
def resume_remote(remote_id: int) -> ResponseReturnValue:
    """Send again."""
    remote = _update_remote(remote_id, remotes.resume)
    get_runtime().wake_couriers()
    flash(f"{_remote_name(remote)} is sent to again, beginning with what waits.", "done")
    return _redirect_to_tab()


@blueprint.post(f"{REMOTE_PATH}/plain-http", provide_automatic_options=False)
def use_plain_http(remote_id: int) -> ResponseReturnValue:
    """The same line over http, in clear, where https does not answer; and ping it."""
    vault, now = get_runtime().vault, clock.now()

    def switch_to_http(session: Session, remote: Remote) -> None:
        remote_input = sharing_key.RemoteInput(
            url=remote.url.replace("https://", "http://", 1),
            auth=remote.auth,
            password=vault.decrypt(remote.sealed_pass),
            target_reserve=remote.target,
            observed_reserve=remote.reserve.key,
            query_template=remote.query_template,
        )
        remotes.change(session, vault, remote, remote_input, remote.version, now)

    _update_remote(remote_id, switch_to_http)
    check_remote(remote_id)
    return _redirect_to_tab(remote_id)


@blueprint.post(f"{REMOTE_PATH}/history/stops", provide_automatic_options=False)
def stop_backfill(remote_id: int) -> ResponseReturnValue:
    """Owe it no more of the history; what is owed already is sent."""
    remote = _update_remote(remote_id, lambda session, remote: backfill.stop(session, remote, clock.now()))
    flash(f"{_remote_name(remote)} is owed no more of the history; what stands in line already is sent.", "done")
    return _redirect_to_tab()


@blueprint.get(f"{REMOTE_PATH}/delete", provide_automatic_options=False)
def delete_remote(remote_id: int) -> ResponseReturnValue:
    """Ask once more, with the count of what would never arrive."""
    return _render_delete_form(remote_id)


@blueprint.post(f"{REMOTE_PATH}/delete", provide_automatic_options=False)
def submit_delete_remote(remote_id: int) -> ResponseReturnValue:
    """Hide the line with its facts, when what waits is still as many as was confirmed."""
    confirmed_count = request.form.get("confirmed_count", 0, type=int)
    try:
        remote = _update_remote(
            remote_id,
            lambda session, remote: remotes.delete(session, remote, clock.now(), expected_drop_count=confirmed_count),
        )
    except Conflict:
        return _render_delete_form(remote_id, confirmed_count=confirmed_count), 422
    flash(f"The line for {_remote_name(remote)} is deleted. Add the same site again to go on from there.", "done")
    return _redirect_to_tab()


def _update_remote(remote_id: int, change: Callable[[Session, Remote], object]) -> Remote:
    """The line after `change`, in a transaction of its own. Raises NotFound."""

    def apply_change(session: Session) -> Remote:
        remote = remotes.get(session, remote_id)
        change(session, remote)
        return remote

    return db.run_in_transaction(apply_change)


def _render_delete_form(remote_id: int, confirmed_count: int | None = None) -> str:
    session = db.session()
    remote = remotes.get(session, remote_id)
    return render_page(
        "remotes/remote_delete.html",
        TAB,
        remote=remote,
        waiting_count=queue.outstanding_count(session, remote.id),
        confirmed_count=confirmed_count,
    )


def _remote_name(remote: Remote) -> str:
    return remote.name or remote.url


def _redirect_to_tab(checked_id: int | None = None) -> ResponseReturnValue:
    return redirect(url_for(TAB, checked=checked_id, _anchor="remotes"), 303)
