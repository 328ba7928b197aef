"""`pointsync refused`: what a remote has refused, and the three ways to deal with it."""

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import give, table
from pointsync.cli.framework.param_types import DELIVERY, REMOTE, Line
from pointsync.cli.framework.site_context import change, on_site
from pointsync.text_limits import MAX_REASON

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
@click.option("--remote", "remote_id", type=REMOTE, metavar="ID", help="Only what this remote refuses.")
@on_site()
def list_refused(remote_id: int | None) -> None:
    """List what is refused and not dealt with, oldest first, at most 200."""
    from pointsync.db import db
    from pointsync.sync.delivery import refused as refusals
    from pointsync.sync.remotes import remotes

    if remote_id is not None:
        remotes.get(db.session(), remote_id)
    rows = refusals.listing(db.session(), remote_id)
    shown = [row["movement"] | row for row in rows]
    give(rows, table(shown, COLUMNS, "Nothing is refused.", numbers=("id", "remote", "points")))


@refused.command("again")
@click.argument("delivery_id", type=DELIVERY, metavar="ID")
@on_site()
def send_again(delivery_id: int) -> None:
    """Send it once more."""
    from pointsync.sync.delivery import refused as refusals

    change(lambda session: refusals.send_again(session, delivery_id))
    give({"id": delivery_id, "state": "pending"}, f"Delivery {delivery_id} is sent again.")


@refused.command("aside")
@click.argument("delivery_id", type=DELIVERY, metavar="ID")
@click.option("--reason", required=True, type=Line(MAX_REASON), help="Why; it stays with the movement.")
@on_site()
def set_aside(delivery_id: int, reason: str) -> None:
    """Do not send it, for a reason."""
    from pointsync.sync.delivery import refused as refusals

    change(lambda session: refusals.set_aside(session, delivery_id, reason))
    give({"id": delivery_id, "state": "aside"}, f"Delivery {delivery_id} is set aside.")


@refused.command("correct")
@click.argument("delivery_id", type=DELIVERY, metavar="ID")
@on_site()
def correct(delivery_id: int) -> None:
    """Take the movement back here, since it does not count there."""
    from pointsync import clock
    from pointsync.sync.delivery import refused as refusals

    made = change(lambda session: refusals.correct(session, delivery_id, clock.now()))
    document = {"id": delivery_id, "state": "aside", "correction": made}
    give(document, f"Delivery {delivery_id} is corrected here, by movement {made}.")
