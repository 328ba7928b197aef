"""`pointsync customer changes`, `approve` and `refuse`: which sites have a change, and whether it is applied here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import EXIT_USAGE, CommandError
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import EMAIL, SingleLine
from pointsync.cli.framework.site_context import site_context, transact

if TYPE_CHECKING:
    from pointsync.reports.changes import ChangeOfCustomers

MAX_LISTED = 80
CHANGE_COLUMNS = {
    "id": "Id",
    "at": "Date",
    "change": "Change",
    "customer": "Customer",
    "into": "Into",
    "origin": "Origin",
    "state": "Status",
}
STATE_WORDS = {
    "counts": "applied here",
    "waiting": "waiting for approval",
    "refused": "refused here",
    "disputed": "without effect",
}
"""The states of the JSON, for people."""
ORIGIN_OPTION = click.option(
    "--origin", required=True, type=SingleLine(191), help="The Auth of the site on which the change was made."
)


@click.command("changes", cls=Command)
@click.argument("email", type=EMAIL, metavar="[EMAIL]", required=False)
@click.option(
    "--state",
    type=click.Choice(["waiting", "disputed", "undelivered"]),
    help="Without EMAIL. waiting: those that wait for your approval, or that you refused. disputed: those without "
    "effect. undelivered: those that a site does not have yet.",
)
@site_context()
def list_changes(email: str | None, state: str | None) -> None:
    """List the newest changes of one customer, or of all, and which sites have them."""
    from pointsync import db
    from pointsync.ledger import customers
    from pointsync.reports import changes

    if email is not None and state is not None:
        raise CommandError("--state cannot be given with an e-mail address. Leave one of them out.", EXIT_USAGE)
    session = db.session()
    if email is None:
        rows = changes.list_page(session, state=state, size=MAX_LISTED).rows
    else:
        rows = changes.list_of_customer(session, customers.get(session, email))
    listed = [row.json for row in rows]
    table_rows = [_table_row(each) for each in listed]
    print_result(listed, table_printer(table_rows, CHANGE_COLUMNS, "There are no changes.", number_columns=("id",)))


@click.command("approve", cls=Command)
@click.argument("change_id", type=SingleLine(20), metavar="ID")
@ORIGIN_OPTION
@site_context()
def approve_change(change_id: str, origin: str) -> None:
    """Apply a change of another site here. With the setting approve_changes, such changes wait for your approval."""
    _decide(origin, change_id, "approved")


@click.command("refuse", cls=Command)
@click.argument("change_id", type=SingleLine(20), metavar="ID")
@ORIGIN_OPTION
@site_context()
def refuse_change(change_id: str, origin: str) -> None:
    """Do not apply a change of another site here. You can approve it later."""
    _decide(origin, change_id, "refused")


def _decide(origin: str, change_id: str, decision: str) -> None:
    from pointsync import clock
    from pointsync.ledger.people.change import ChangeKey
    from pointsync.ledger.people.changes import approval
    from pointsync.models import Approval

    key = ChangeKey(origin, change_id)
    transact(lambda session: approval.decide(session, key, Approval(decision), clock.now()))
    print_result({"origin": origin, "id": change_id, "state": decision}, f"Change {change_id} is {decision}.")


def _table_row(change: ChangeOfCustomers) -> dict[str, object]:
    delivered_count = sum(each.state == "delivered" for each in change.sites)
    sites = f"sent to {delivered_count} of {len(change.sites)}" if change.sites else ""
    named = {name: getattr(change, name) for name in ("id", "origin", "change", "customer", "into", "at")}
    return named | {"state": sites if change.state == "counts" and sites else STATE_WORDS[change.state]}


COMMANDS = (list_changes, approve_change, refuse_change)
