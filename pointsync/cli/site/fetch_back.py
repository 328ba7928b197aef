"""`pointsync fetch-back`: this site's lost movements come back from its remotes."""

from typing import Any

import click

from pointsync.cli.framework.command import ShowingGroup
from pointsync.cli.framework.output import print_note, print_result, table_printer
from pointsync.cli.framework.param_types import MOVEMENT_ID, REMOTE_ID
from pointsync.cli.framework.site_context import site_context, transact

REMOTE_COLUMNS = {
    "remote": "Id",
    "name": "Remote",
    "state": "State",
    "received": "Received",
    "total": "Of",
    "returned": "Lost here",
    "message": "Problem",
}
DECISION_COLUMNS = {
    "id": "Movement",
    "problem": "Problem",
    "returned": "Returned",
    "here": "Here",
    "choices": "Choices",
}
NOTHING = "Nothing is fetched back now."


@click.group(cls=ShowingGroup, name="fetch-back")
@click.pass_context
def fetch_back(ctx: click.Context) -> None:
    """Show how far the movements are that this site lost in a restore, and gets back from its remotes."""
    if ctx.invoked_subcommand is None:
        with site_context():
            _print_progress()


@fetch_back.command("continue")
@click.option(
    "--without",
    "remote_ids",
    type=REMOTE_ID,
    metavar="ID",
    multiple=True,
    required=True,
    help="The remote not to wait for. Give the option once for each.",
)
@site_context()
def continue_without(remote_ids: tuple[int, ...]) -> None:
    """Continue without a remote that does not answer. It is fetched later, before anything is sent to it."""
    from pointsync import clock
    from pointsync.sync.fetch_back import run

    transact(lambda session: run.continue_without(session, remote_ids, clock.now()))
    _print_progress()


@fetch_back.command("finish")
@site_context()
def finish() -> None:
    """Say that all remotes of a site that was set up again are listed. It ends when each of them was fetched."""
    from pointsync.sync.fetch_back import run

    transact(run.close)
    _print_progress()


@fetch_back.command("retry")
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@site_context()
def retry(remote_id: int) -> None:
    """Call a remote again now, without waiting."""
    from pointsync.sync.fetch_back import run

    transact(lambda session: run.retry(session, remote_id))
    _print_progress()


@fetch_back.command("decisions")
@site_context()
def list_decisions() -> None:
    """List the returned movements that you must decide about, with what is here, at most 200."""
    from pointsync import db
    from pointsync.sync.fetch_back import progress

    rows = progress.list_decisions(db.session())
    table_rows = [
        row
        | {
            "returned": ", ".join(f"{_describe(each)} by remote {each['remote']}" for each in row["returned"]),
            "here": ", ".join(_describe(each) for each in row["here"]) or None,
            "choices": ", ".join(row["choices"]),
        }
        for row in rows
    ]
    print_result(rows, table_printer(table_rows, DECISION_COLUMNS, "No decision waits."))


@fetch_back.command("decide")
@click.argument("movement_id", type=MOVEMENT_ID, metavar="MOVEMENT")
@click.argument("choice", metavar="returned|here|both", type=click.Choice(["returned", "here", "both"]))
@click.option("--remote", "remote_id", type=REMOTE_ID, metavar="ID", help="Whose content counts, if they differ.")
@site_context()
def decide(movement_id: int, choice: str, remote_id: int | None) -> None:
    """Decide about a returned movement: it counts, or only what is here counts, or both do."""
    from pointsync import clock
    from pointsync.ledger.fetch_back import decisions

    problem = transact(lambda session: decisions.decide(session, movement_id, choice, clock.now(), remote_id))
    text = f"Movement {movement_id} is decided."
    if problem:
        text = f"Movement {movement_id} needs another decision: {problem}. See pointsync fetch-back decisions."
    print_result({"id": str(movement_id), "problem": problem and str(problem)}, text)


def _print_progress() -> None:
    from pointsync import db
    from pointsync.sync.fetch_back import progress

    current = progress.read(db.session())
    print_note(progress.describe(current) if current.is_shown else NOTHING)
    print_result(current, table_printer(current.remotes, REMOTE_COLUMNS, "No remote takes part.", _NUMBERS))


_NUMBERS = ("remote", "received", "total", "returned")


def _describe(movement: dict[str, Any]) -> str:
    return f"{movement['points']:+,} for {movement['customer']} in {movement['reserve']}"
