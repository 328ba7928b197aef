"""`pointsync remote resend`: send delivered movements again."""

from typing import TYPE_CHECKING

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.param_types import EMAIL, LOCAL_DATE_TIME, REMOTE_ID, WholeNumber
from pointsync.cli.framework.progress import Progress
from pointsync.cli.framework.site_context import site_context, transact

if TYPE_CHECKING:
    from pointsync.sync.repair.resend import Selection

MAX_COUNT = 2**62


@click.command("resend", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@click.option("--since", type=LOCAL_DATE_TIME, metavar="TIME", help="The movements recorded here since then.")
@click.option("--customer", "email", type=EMAIL, metavar="EMAIL", help="The movements of this customer.")
@click.option("--all", "is_all", is_flag=True, help="All movements that were delivered to the remote.")
@click.option("--count", "confirmed", type=WholeNumber(0, MAX_COUNT), help="How many they are, to confirm it.")
@site_context()
def resend(remote_id: int, since: str | None, email: str | None, is_all: bool, confirmed: int | None) -> None:
    """Send delivered movements to a remote again. It applies only what it does not have.

    Without --count, the command only counts them.
    """
    from pointsync import db
    from pointsync.errors import Conflict
    from pointsync.sync.repair import resend as resending

    if is_all == bool(since or email):
        raise click.UsageError("Give --all, or --since and --customer, one of them or both.")
    selection = _select(since, email)
    number = resending.count(db.session(), remote_id, selection)
    if confirmed is None:
        text = f"{number:,} delivered movements. To send them to remote {remote_id} again, add: --count {number}"
        print_result({"id": remote_id, "count": number, "sent_again": 0}, text)
        return
    if confirmed != number:
        raise Conflict("count_changed", f"These are {number:,} movements now. Confirm it with --count {number}.")
    transact(lambda session: resending.log_request(session, remote_id, selection, number))
    sent_again = 0
    with Progress() as progress:
        for part, _ in resending.enqueue_all(remote_id, selection):
            sent_again += part
            progress.update(f"{sent_again:,} of {number:,} movements queued")
    transact(lambda session: None)
    text = f"{sent_again:,} movements wait to be sent to remote {remote_id} again."
    print_result({"id": remote_id, "count": number, "sent_again": sent_again}, text)


def _select(since: str | None, email: str | None) -> "Selection":
    from pointsync import clock, db
    from pointsync.ledger import customers
    from pointsync.sync.repair.resend import Selection
    from pointsync.sync.site import general

    if email is not None:
        email = customers.get(db.session(), email).email
    zone = general.get_time_zone(db.session())
    return Selection(clock.parse_input(since, zone) if since else None, email)
