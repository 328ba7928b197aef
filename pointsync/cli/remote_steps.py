"""`pointsync remote retry`, `pause`, `resume`, `history` and `remove`."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.answer import give
from pointsync.cli.command import Command
from pointsync.cli.here import change, on_site
from pointsync.cli.types import REMOTE, Whole

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MAX_DROP = 2**31


@click.command("retry", cls=Command)
@click.argument("remote_id", type=REMOTE, metavar="ID")
@on_site()
def retry(remote_id: int) -> None:
    """Send all that waits for a remote now, without the delay."""
    from pointsync import clock
    from pointsync.sync import remotes, standing

    def work(session: "Session") -> dict[str, Any]:
        line = remotes.get(session, remote_id)
        remotes.retry(session, line, clock.now())
        return standing.shape(session, line)

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
    from pointsync.sync import remotes, standing

    def work(session: "Session") -> dict[str, Any]:
        line = remotes.get(session, remote_id)
        remotes.pause(session, line, clock.now())
        return standing.shape(session, line)

    give(change(work), f"Remote {remote_id} is paused; go on with: pointsync remote resume {remote_id}")


@click.command("resume", cls=Command)
@click.argument("remote_id", type=REMOTE, metavar="ID")
@on_site()
def resume(remote_id: int) -> None:
    """Send to a remote again."""
    from pointsync.sync import remotes, standing

    def work(session: "Session") -> dict[str, Any]:
        line = remotes.get(session, remote_id)
        remotes.resume(session, line)
        return standing.shape(session, line)

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
    from pointsync.sync import history, remotes

    def work(session: "Session") -> dict[str, Any] | None:
        line = remotes.get(session, remote_id)
        if stop:
            history.stop(session, line, clock.now())
            return history.progress(session, line)
        progress = history.progress(session, line)
        if progress is None or progress["state"] == "stopped":
            history.start(session, line, clock.now())
            progress = history.progress(session, line)
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
    from pointsync.sync import remotes

    change(
        lambda session: remotes.remove(session, remotes.get(session, remote_id), clock.now(), dropping=drop),
    )
    give({"id": remote_id, "removed": True, "dropped": drop}, f"Remote {remote_id} is off the list.")


COMMANDS = (retry, pause, resume, send_history, remove)
