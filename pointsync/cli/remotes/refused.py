"""`pointsync refused`: what a remote has refused, and the three ways to deal with it."""

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import DELIVERY_ID, REMOTE_ID, SingleLine
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.text_limits import MAX_REASON_LENGTH

COLUMNS = {
    "id": "Id",
    "remote": "Remote",
    "customer": "Customer",
    "points": "Points",
    "reserve": "Reserve",
    "at": "Made",
    "message": "Refused because",
}


@click.group(cls=Group)
def refused() -> None:
    """Movements that a remote refuses or calls a conflict; each waits for your choice."""


@refused.command("list")
@click.option("--remote", "remote_id", type=REMOTE_ID, metavar="ID", help="Only what this remote refuses.")
@site_context()
def list_refused(remote_id: int | None) -> None:
    """List what is refused and not dealt with, oldest first, at most 200."""
    from pointsync import db
    from pointsync.sync.delivery import refused as refusals
    from pointsync.sync.remotes import remotes

    if remote_id is not None:
        remotes.get(db.session(), remote_id)
    rows = refusals.list_json(db.session(), remote_id)
    table_rows = [row["movement"] | row for row in rows]
    print_result(
        rows, table_printer(table_rows, COLUMNS, "Nothing is refused.", number_columns=("id", "remote", "points"))
    )


@refused.command("again")
@click.argument("delivery_id", type=DELIVERY_ID, metavar="ID")
@site_context()
def send_again(delivery_id: int) -> None:
    """Send it once more."""
    from pointsync.sync.delivery import refused as refusals

    transact(lambda session: refusals.send_again(session, delivery_id))
    print_result({"id": delivery_id, "state": "pending"}, f"Delivery {delivery_id} is sent again.")


@refused.command("aside")
@click.argument("delivery_id", type=DELIVERY_ID, metavar="ID")
@click.option("--reason", required=True, type=SingleLine(MAX_REASON_LENGTH), help="Why; it stays with the movement.")
@site_context()
def set_aside(delivery_id: int, reason: str) -> None:
    """Do not send it, for a reason."""
    from pointsync.sync.delivery import refused as refusals

    transact(lambda session: refusals.set_aside(session, delivery_id, reason))
    print_result({"id": delivery_id, "state": "aside"}, f"Delivery {delivery_id} is set aside.")


@refused.command("correct")
@click.argument("delivery_id", type=DELIVERY_ID, metavar="ID")
@site_context()
def correct(delivery_id: int) -> None:
    """Take the movement back here, since it does not count there."""
    from pointsync import clock
    from pointsync.sync.delivery import refused as refusals

    correction_id = transact(lambda session: refusals.correct(session, delivery_id, clock.now()))
    document = {"id": delivery_id, "state": "aside", "correction": correction_id}
    print_result(document, f"Delivery {delivery_id} is corrected here, by movement {correction_id}.")
