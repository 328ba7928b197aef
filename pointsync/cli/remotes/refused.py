"""`pointsync refused`: movements that a remote has refused."""

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
    "at": "Date",
    "message": "Reason",
}


@click.group(cls=Group)
def refused() -> None:
    """Movements that a remote refused or reported as a conflict. Each needs your decision."""


@refused.command("list")
@click.option("--remote", "remote_id", type=REMOTE_ID, metavar="ID", help="Only movements that this remote refused.")
@site_context()
def list_refused(remote_id: int | None) -> None:
    """List the refused movements that need a decision, oldest first, at most 200."""
    from pointsync import db
    from pointsync.sync.delivery import refused as refused_deliveries
    from pointsync.sync.remotes import remotes

    if remote_id is not None:
        remotes.get(db.session(), remote_id)
    rows = refused_deliveries.list_json(db.session(), remote_id)
    table_rows = [row["movement"] | row for row in rows]
    printer = table_printer(
        table_rows, COLUMNS, "There are no refused movements.", number_columns=("id", "remote", "points")
    )
    print_result(rows, printer)


@refused.command("again")
@click.argument("delivery_id", type=DELIVERY_ID, metavar="ID")
@site_context()
def send_again(delivery_id: int) -> None:
    """Send a refused movement once more."""
    from pointsync.sync.delivery import refused as refused_deliveries

    transact(lambda session: refused_deliveries.send_again(session, delivery_id))
    print_result({"id": delivery_id, "state": "pending"}, f"Delivery {delivery_id} will be sent again.")


@refused.command("aside")
@click.argument("delivery_id", type=DELIVERY_ID, metavar="ID")
@click.option(
    "--reason", required=True, type=SingleLine(MAX_REASON_LENGTH), help="The reason, shown with the movement."
)
@site_context()
def set_aside(delivery_id: int, reason: str) -> None:
    """Set a refused movement aside, with a reason. It is not sent any more."""
    from pointsync.sync.delivery import refused as refused_deliveries

    transact(lambda session: refused_deliveries.set_aside(session, delivery_id, reason))
    print_result({"id": delivery_id, "state": "aside"}, f"Delivery {delivery_id} was set aside.")


@refused.command("correct")
@click.argument("delivery_id", type=DELIVERY_ID, metavar="ID")
@site_context()
def correct(delivery_id: int) -> None:
    """Take a refused movement back on this site, with a correction."""
    from pointsync import clock
    from pointsync.sync.delivery import refused as refused_deliveries

    correction_id = transact(lambda session: refused_deliveries.correct(session, delivery_id, clock.now()))
    document = {"id": delivery_id, "state": "aside", "correction": correction_id}
    print_result(document, f"Delivery {delivery_id} was corrected on this site, with movement {correction_id}.")
