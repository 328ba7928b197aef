"""`pointsync remote retry`, `pause`, `resume`, `history` and `remove`."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.param_types import REMOTE_ID, WholeNumber
from pointsync.cli.framework.site_context import site_context, transact

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MAX_DROP = 2**31


@click.command("retry", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@site_context()
def retry_remote(remote_id: int) -> None:
    """Send all that waits for a remote now, without the delay."""
    from pointsync import clock
    from pointsync.sync.remotes import queue as remote_queue
    from pointsync.sync.remotes import remotes

    def run(session: "Session") -> dict[str, Any]:
        row = remotes.get(session, remote_id)
        remotes.retry(session, row, clock.now())
        return remote_queue.to_json(session, row)

    document = transact(run)
    text = f"All that waits for remote {remote_id} is sent now: {document['waiting']:,}."
    if document["paused"]:
        text = f"Remote {remote_id} is paused, so nothing is sent; go on with: pointsync remote resume {remote_id}"
    print_result(document, text)


@click.command("pause", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@site_context()
def pause_remote(remote_id: int) -> None:
    """Send nothing to a remote until it is resumed; what is made meanwhile waits."""
    from pointsync import clock
    from pointsync.sync.remotes import queue as remote_queue
    from pointsync.sync.remotes import remotes

    def run(session: "Session") -> dict[str, Any]:
        row = remotes.get(session, remote_id)
        remotes.pause(session, row, clock.now())
        return remote_queue.to_json(session, row)

    print_result(transact(run), f"Remote {remote_id} is paused; go on with: pointsync remote resume {remote_id}")


@click.command("resume", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@site_context()
def resume_remote(remote_id: int) -> None:
    """Send to a remote again."""
    from pointsync.sync.remotes import queue as remote_queue
    from pointsync.sync.remotes import remotes

    def run(session: "Session") -> dict[str, Any]:
        row = remotes.get(session, remote_id)
        remotes.resume(session, row)
        return remote_queue.to_json(session, row)

    print_result(transact(run), f"Remote {remote_id} is sent to again.")


@click.command("history", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@click.option("--stop", is_flag=True, help="Owe it no more of the history; what is owed already is sent.")
@site_context()
def send_backfill(remote_id: int, stop: bool) -> None:
    """Send a remote all that this site ever made; where that was begun already, tell how far it is.

    Harmless when done twice. What was stopped is begun again.
    """
    from pointsync import clock
    from pointsync.sync.remotes import backfill, remotes

    def run(session: "Session") -> dict[str, Any] | None:
        row = remotes.get(session, remote_id)
        if stop:
            backfill.stop(session, row, clock.now())
            return backfill.progress_json(session, row)
        progress = backfill.progress_json(session, row)
        if progress is None or progress["state"] == "stopped":
            backfill.start(session, row, clock.now())
            progress = backfill.progress_json(session, row)
        return progress

    progress = transact(run)
    text = "No history was asked for."
    if progress:
        text = (
            f"History for remote {remote_id}: {progress['state']}, {progress['owed']:,} of {progress['total']:,} owed."
        )
    print_result({"id": remote_id, "history": progress}, text)


@click.command("remove", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@click.option("--drop", type=WholeNumber(0, MAX_DROP), default=0, help="How many waiting movements are dropped.")
@site_context()
def remove_remote(remote_id: int, drop: int) -> None:
    """Take a remote off the list. What waits for it must be named by its number, since it is dropped."""
    from pointsync import clock
    from pointsync.sync.remotes import remotes

    transact(
        lambda session: remotes.delete(session, remotes.get(session, remote_id), clock.now(), expected_drop_count=drop),
    )
    print_result({"id": remote_id, "removed": True, "dropped": drop}, f"Remote {remote_id} is off the list.")


COMMANDS = (retry_remote, pause_remote, resume_remote, send_backfill, remove_remote)
