"""`pointsync remote differences` and `decide`: movements that are not the same on both sites."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_note, print_result, table_printer
from pointsync.cli.framework.param_types import REMOTE_ID, SingleLine
from pointsync.cli.framework.site_context import site_context, transact

if TYPE_CHECKING:
    from pointsync.sync.repair.plan import Plan

COLUMNS = {
    "movement": "Movement",
    "difference": "Difference",
    "customer": "Customer here",
    "points": "Points here",
    "there_customer": "Customer there",
    "there_points": "Points there",
    "found_at": "Found at",
}
MAX_ID_LENGTH = 64


@click.command("differences", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@site_context()
def list_differences(remote_id: int) -> None:
    """List the movements that are not the same on both sites and need your decision, at most 200."""
    from pointsync import db
    from pointsync.sync.comparison import differences
    from pointsync.sync.remotes import remotes

    remotes.get(db.session(), remote_id)
    rows = [differences.to_json(each) for each in differences.list_all(db.session(), remote_id)]
    empty_message = f"No movement differs. To compare now: pointsync verify {remote_id}"
    print_result(rows, table_printer(rows, COLUMNS, empty_message, number_columns=("points", "there_points")))


@click.command("decide", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@click.argument("movement_id", type=SingleLine(MAX_ID_LENGTH), metavar="MOVEMENT")
@click.argument("choice", type=click.Choice(["here", "there", "both"]), metavar="here|there|both")
@click.option("--dry-run", is_flag=True, help="Change nothing. Show what the decision would do.")
@site_context()
def decide(remote_id: int, movement_id: str, choice: str, dry_run: bool) -> None:
    """Decide which value of a movement counts: the one here, or the one there. Both sites then hold the original; if
    another value counts, the difference in points is recorded as a new movement, which goes to all sites.

    `both` is for two different movements with the same id.
    """
    from pointsync import clock, db
    from pointsync.sync.remotes import remotes
    from pointsync.sync.repair import decisions
    from pointsync.sync.repair.plan import make_plan

    remotes.get(db.session(), remote_id)
    plan = make_plan(db.session(), remote_id, movement_id, choice)
    document = _to_json(plan)
    if dry_run:
        print_result(document, _describe(plan))
        return
    fetched = decisions.fetch_content(plan)
    document["recorded"] = transact(lambda session: decisions.carry_out(session, plan, fetched, clock.now()))
    print_result(document, _describe(plan))
    if plan.choice != "there" or plan.kind == "altered_there":
        print_note(f"To see whether both sites are equal again: pointsync verify {remote_id}")


def _to_json(plan: "Plan") -> dict[str, Any]:
    return {
        "remote": plan.remote_id,
        "movement": plan.movement_id,
        "difference": plan.kind,
        "counts": plan.choice,
        "original": {"customer": plan.original.customer, "points": plan.original.points},
        "adjustments": [{"customer": each.customer, "points": each.points} for each in plan.adjustments],
        "recorded": [],
    }


def _describe(plan: "Plan") -> str:
    from pointsync.sync.repair.describe_plan import list_steps

    return "\n".join(list_steps(plan))
