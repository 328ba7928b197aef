"""Remote sites: the actions of a row, each a POST to a URL of its own."""

from collections.abc import Callable

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.admin.remotes.points_sync import TAB
from pointsync.admin.remotes.remote_form import REMOTE_ID
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict
from pointsync.models import Origin, Remote
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import backfill, queue, remotes, sharing_key
from pointsync.sync.remotes.check import check_remote

REMOTE_PATH = f"/system/points-sync/remotes/{REMOTE_ID}"


@blueprint.post(f"{REMOTE_PATH}/tests")
def test_remote(remote_id: int) -> ResponseReturnValue:
    """Check the remote, and show the result."""
    check_remote(remote_id)
    return _redirect_to_tab(remote_id)


@blueprint.post(f"{REMOTE_PATH}/retries")
def retry_remote(remote_id: int) -> ResponseReturnValue:
    """Send everything waiting for a remote now."""
    retry_now(remote_id)
    return _redirect_to_tab()


def retry_now(remote_id: int) -> None:
    """Send everything waiting for a remote now, and flash a notice."""
    remote = _update_remote(remote_id, lambda session, remote: remotes.retry(session, remote, clock.now()))
    get_runtime().wake_couriers()
    if Origin.is_blocked(db.session(), remote.auth):
        flash(f"{remote.display_name} is blocked. Unblock it under Network to send what is waiting.", "warning")
    elif remote.paused_at:
        flash(f"{remote.display_name} is paused. Resume it to send what is waiting.", "warning")
    else:
        flash(f"Retrying {remote.display_name} now. See its status below for the result.", "done")


@blueprint.post(f"{REMOTE_PATH}/pauses")
def pause_remote(remote_id: int) -> ResponseReturnValue:
    """Stop sending to a remote until it is resumed."""
    remote = _update_remote(remote_id, lambda session, remote: remotes.pause(session, remote, clock.now()))
    flash(f"{remote.display_name} is paused. New movements wait until you resume it.", "done")
    return _redirect_to_tab()


@blueprint.post(f"{REMOTE_PATH}/resumes")
def resume_remote(remote_id: int) -> ResponseReturnValue:
    """Resume sending to a remote."""
    remote = _update_remote(remote_id, remotes.resume)
    get_runtime().wake_couriers()
    flash(f"{remote.display_name} is resumed. Sending what was waiting.", "done")
    return _redirect_to_tab()


@blueprint.post(f"{REMOTE_PATH}/plain-http")
def use_plain_http(remote_id: int) -> ResponseReturnValue:
    """Switch a remote from HTTPS to unencrypted HTTP, and check it."""
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


@blueprint.post(f"{REMOTE_PATH}/history/stops")
def stop_backfill(remote_id: int) -> ResponseReturnValue:
    """Stop the backfill. Deliveries that are already queued are still sent."""
    remote = _update_remote(remote_id, lambda session, remote: backfill.stop(session, remote, clock.now()))
    flash(f"Stopped sending past movements to {remote.display_name}. Those already queued are still sent.", "done")
    return _redirect_to_tab()


@blueprint.get(f"{REMOTE_PATH}/delete")
def delete_remote(remote_id: int) -> ResponseReturnValue:
    """Ask for confirmation, with the number of movements that would not be sent."""
    return _render_delete_form(remote_id)


@blueprint.post(f"{REMOTE_PATH}/delete")
def submit_delete_remote(remote_id: int) -> ResponseReturnValue:
    """Delete a remote if the number of waiting movements is still the confirmed one."""
    confirmed_count = request.form.get("confirmed_count", 0, type=int)
    try:
        remote = _update_remote(
            remote_id,
            lambda session, remote: remotes.delete(session, remote, clock.now(), expected_drop_count=confirmed_count),
        )
    except Conflict:
        return _render_delete_form(remote_id, confirmed_count=confirmed_count), 422
    flash(f"{remote.display_name} is deleted. To continue later, add the same site again.", "done")
    return _redirect_to_tab()


def _update_remote(remote_id: int, change: Callable[[Session, Remote], object]) -> Remote:
    """Apply `change` to a remote in its own transaction, and return the remote. Raises NotFound."""

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


def _redirect_to_tab(checked_id: int | None = None) -> ResponseReturnValue:
    return redirect(url_for(TAB, checked=checked_id, _anchor="remotes"), 303)
