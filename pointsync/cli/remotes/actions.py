"""`pointsync remote retry`, `pause`, `resume`, `history` and `remove`."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import give
from pointsync.cli.framework.param_types import REMOTE, Whole
from pointsync.cli.framework.site_context import change, on_site

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MAX_DROP = 2**31


@click.command("retry", cls=Command)
@click.argument("remote_id", type=REMOTE, metavar="ID")
@on_site()
def retry(remote_id: int) -> None:
    """Send all that waits for a remote now, without the delay."""
    from pointsync import clock
    from pointsync.sync.remotes import queue as remote_queue
    from pointsync.sync.remotes import remotes

    def work(session: "Session") -> dict[str, Any]:
        line = remotes.get(session, remote_id)
        remotes.retry(session, line, clock.now())
        return remote_queue.shape(session, line)

    document = change(work)
    text = f"All that waits for remote {remote_id} is sent now: {document['waiting']:,}."
    if document["paused"]:
        text = f"Remote {remote_id} is paused, so nothing is sent; go on with: pointsync remote resume {remote_id}"
    give(document, text)


@click.command("pause", cls=Command)
@click.argument("remote_id", type=REMOTE, metavar="ID")
@on_site()
def pause(remote_id: int) -> None:
    """Send nothing to a remote until it is resumed; what is made meanwhile waits."""
    from pointsync import clock
    from pointsync.sync.remotes import queue as remote_queue
    from pointsync.sync.remotes import remotes

    def work(session: "Session") -> dict[str, Any]:
        line = remotes.get(session, remote_id)
        remotes.pause(session, line, clock.now())
        return remote_queue.shape(session, line)

    give(change(work), f"Remote {remote_id} is paused; go on with: pointsync remote resume {remote_id}")


@click.command("resume", cls=Command)
@click.argument("remote_id", type=REMOTE, metavar="ID")
@on_site()
def resume(remote_id: int) -> None:
    """Send to a remote again."""
    from pointsync.sync.remotes import queue as remote_queue
    from pointsync.sync.remotes import remotes

    def work(session: "Session") -> dict[str, Any]:
        line = remotes.get(session, remote_id)
        remotes.resume(session, line)
        return remote_queue.shape(session, line)

    give(change(work), f"Remote {remote_id} is sent to again.")


@click.command("history", cls=Command)
@click.argument("remote_id", type=REMOTE, metavar="ID")
@click.option("--stop", is_flag=True, help="Owe it no more of the history; what is owed already is sent.")
@on_site()
def send_history(remote_id: int, stop: bool) -> None:
    """Send a remote all that this site ever made; where that was begun already, tell how far it is.

    Harmless when done twice. What was stopped is begun again.
    """
    from pointsync import clock
    from pointsync.sync.remotes import backfill, remotes

    def work(session: "Session") -> dict[str, Any] | None:
        line = remotes.get(session, remote_id)
        if stop:
            backfill.stop(session, line, clock.now())
            return backfill.progress(session, line)
        progress = backfill.progress(session, line)
        if progress is None or progress["state"] == "stopped":
            backfill.start(session, line, clock.now())
            progress = backfill.progress(session, line)
        return progress

    progress = change(work)
    text = "No history was asked for."
    if progress:
        text = (
            f"History for remote {remote_id}: {progress['state']}, {progress['owed']:,} of {progress['total']:,} owed."
        )
    give({"id": remote_id, "history": progress}, text)


@click.command("remove", cls=Command)
@click.argument("remote_id", type=REMOTE, metavar="ID")
@click.option("--drop", type=Whole(0, MAX_DROP), default=0, help="How many waiting movements are dropped.")
@on_site()
def remove(remote_id: int, drop: int) -> None:
    """Take a remote off the list. What waits for it must be named by its number, since it is dropped."""
    from pointsync import clock
    from pointsync.sync.remotes import remotes

    change(
        lambda session: remotes.remove(session, remotes.get(session, remote_id), clock.now(), dropping=drop),
    )
    give({"id": remote_id, "removed": True, "dropped": drop}, f"Remote {remote_id} is off the list.")


COMMANDS = (retry, pause, resume, send_history, remove)
