"""`pointsync balance` and `pointsync history`: a customer's points and movements."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.options import RESERVE_FILTER_OPTION
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import EMAIL, MAX_BIG_ROW_ID, WholeNumber
from pointsync.cli.framework.site_context import site_context

MAX_LIMIT = 1000
COLUMNS = {
    "at": "Date",
    "reserve": "Reserve",
    "kind": "Kind",
    "points": "Points",
    "balance": "Total",
    "origin": "Recorded at",
    "reason": "Description",
}


@click.command(cls=Command)
@click.argument("email", type=EMAIL, metavar="EMAIL")
@RESERVE_FILTER_OPTION
@site_context()
def balance(email: str, reserve_key: str | None) -> None:
    """Show a customer's points."""
    from pointsync import db
    from pointsync.ledger import customers, reserves
    from pointsync.ledger.customer_json import Customer

    session = db.session()
    reserve = reserves.get(session, reserve_key) if reserve_key else None
    customer = customers.get(session, email)
    balances = customers.list_balances(session, customer, reserve)
    columns = {"reserve": "Reserve", "points": "Points"}
    print_result(
        Customer(customer.email, balances),
        table_printer(balances, columns, "No points yet.", number_columns=("points",)),
    )


@click.command(cls=Command)
@click.argument("email", type=EMAIL, metavar="EMAIL")
@RESERVE_FILTER_OPTION
@click.option(
    "--limit",
    type=WholeNumber(1, MAX_LIMIT),
    default=50,
    help=f"How many movements. Default: 50; at most {MAX_LIMIT:,}.",
)
@click.option("--cursor", type=WholeNumber(1, MAX_BIG_ROW_ID), help="The value of next in the JSON of the page before.")
@site_context()
def history(email: str, reserve_key: str | None, limit: int, cursor: int | None) -> None:
    """Show a customer's movements, newest first."""
    from pointsync import db
    from pointsync.ledger import customers, reserves

    session = db.session()
    reserve = reserves.get(session, reserve_key) if reserve_key else None
    page = customers.list_movements(session, customers.get(session, email), reserve, cursor, limit)
    print_result(
        page, table_printer(page.movements, COLUMNS, "No movements yet.", number_columns=("points", "balance"))
    )
