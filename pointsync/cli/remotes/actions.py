"""`pointsync remote retry`, `pause`, `resume`, `history` and `remove`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.param_types import REMOTE_ID, WholeNumber
from pointsync.cli.framework.site_context import site_context, transact

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from pointsync import models
    from pointsync.sync.remotes.backfill import BackfillProgress
    from pointsync.sync.remotes.remote_json import Remote

MAX_DROP = 2**31


@click.command("retry", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@site_context()
def retry_remote(remote_id: int) -> None:
    """Send everything that waits for a remote now."""
    from pointsync import clock
    from pointsync.sync.remotes import remotes

    document = _act(remote_id, lambda session, remote: remotes.retry(session, remote, clock.now()))
    text = f"Everything that waits for remote {remote_id} is being sent now: {document.waiting:,}."
    if document.paused:
        text = f"Remote {remote_id} is paused, so nothing is sent. To resume it: pointsync remote resume {remote_id}"
    print_result(document, text)


@click.command("pause", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@site_context()
def pause_remote(remote_id: int) -> None:
    """Send nothing to a remote until you resume it. New movements wait."""
    from pointsync import clock
    from pointsync.sync.remotes import remotes

    document = _act(remote_id, lambda session, remote: remotes.pause(session, remote, clock.now()))
    print_result(document, f"Remote {remote_id} is paused. To resume it: pointsync remote resume {remote_id}")


@click.command("resume", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@site_context()
def resume_remote(remote_id: int) -> None:
    """Send to a remote again."""
    from pointsync.sync.remotes import remotes

    print_result(_act(remote_id, remotes.resume), f"Remote {remote_id} is resumed.")


def _act(remote_id: int, action: "Callable[[Session, models.Remote], object]") -> "Remote":
    """Run `action` on the remote in a transaction; the remote afterwards."""
    from pointsync.sync.remotes import remote_json, remotes

    def run(session: "Session") -> "Remote":
        remote = remotes.get(session, remote_id)
        action(session, remote)
        return remote_json.of(session, remote)

    return transact(run)


@click.command("history", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@click.option("--stop", is_flag=True, help="Stop. Movements that are already in the queue are still sent.")
@site_context()
def send_backfill(remote_id: int, stop: bool) -> None:
    """Send a remote all movements that this site ever recorded. If that was started before, show the progress.

    It does no harm when done twice. A stopped history starts again.
    """
    from pointsync import clock
    from pointsync.sync.remotes import backfill, remotes

    def run(session: "Session") -> "BackfillProgress | None":
        row = remotes.get(session, remote_id)
        if stop:
            backfill.stop(session, row, clock.now())
            return backfill.progress(session, row)
        progress = backfill.progress(session, row)
        if progress is None or progress.state == "stopped":
            backfill.start(session, row, clock.now())
            progress = backfill.progress(session, row)
        return progress

    progress = transact(run)
    text = f"No history was requested for remote {remote_id}."
    if progress:
        queued_count = progress.owed
        text = f"History for remote {remote_id}: {progress.state}, {queued_count:,} of {progress.total:,} queued."
    print_result({"id": remote_id, "history": progress}, text)


@click.command("remove", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@click.option(
    "--drop", type=WholeNumber(0, MAX_DROP), default=0, help="The number of waiting movements that are dropped."
)
@site_context()
def remove_remote(remote_id: int, drop: int) -> None:
    """Delete a remote. If movements wait for it, confirm with --drop how many are dropped."""
    from pointsync import clock
    from pointsync.sync.remotes import remotes

    transact(
        lambda session: remotes.delete(session, remotes.get(session, remote_id), clock.now(), expected_drop_count=drop),
    )
    print_result({"id": remote_id, "removed": True, "dropped": drop}, f"Remote {remote_id} was deleted.")


COMMANDS = (retry_remote, pause_remote, resume_remote, send_backfill, remove_remote)
