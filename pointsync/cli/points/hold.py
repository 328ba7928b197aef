"""`pointsync hold`: the points that shops hold for checkouts."""

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import WholeNumber
from pointsync.cli.framework.site_context import site_context, transact

MAX_ROW_ID = 2**63 - 1
COLUMNS = {"id": "Id", "ref": "Ref", "source": "Placed by", "reserve": "Reserve", "points": "Points", "until": "Ends"}


@click.group(cls=Group)
def hold() -> None:
    """Holds: points that a shop holds for a checkout, so that nobody else here spends them."""


@hold.command("list")
@click.argument("email", metavar="EMAIL")
@site_context()
def list_holds(email: str) -> None:
    """List the holds of a customer that are active now, at most 50, those that end first."""
    from pointsync import clock, db
    from pointsync.ledger import customers
    from pointsync.ledger.holds import holds

    session = db.session()
    rows = [
        {
            "id": each.id,
            "ref": each.ref,
            "source": each.source,
            "reserve": each.reserve.key,
            "points": each.points,
            "until": clock.to_text(each.until_at),
        }
        for each in holds.list_active(session, customers.get(session, email), clock.now())
    ]
    empty_message = "No points of this customer are held."
    print_result(rows, table_printer(rows, COLUMNS, empty_message, number_columns=("id", "points")))


@hold.command("release")
@click.argument("hold_id", type=WholeNumber(1, MAX_ROW_ID), metavar="ID")
@site_context()
def release_hold(hold_id: int) -> None:
    """Release a hold, by its id in the list: the customer can spend the points again."""
    from pointsync import clock
    from pointsync.ledger.holds import holds
    from pointsync.ledger.holds.hold_json import Hold

    now = clock.now()
    row = transact(lambda session: holds.release_as_admin(session, hold_id, now))
    print_result(Hold.from_row(row, now), f"The hold {row.ref} was released.")
