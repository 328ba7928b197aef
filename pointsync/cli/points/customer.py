"""`pointsync balance` and `pointsync history`: a customer."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import EMAIL, RESERVE_KEY, WholeNumber
from pointsync.cli.framework.site_context import site_context

MAX_LIMIT = 1000
COLUMNS = {
    "at": "Date",
    "reserve": "Reserve",
    "kind": "Kind",
    "points": "Points",
    "balance": "Total",
    "origin": "Made at",
    "reason": "Description",
}


@click.command(cls=Command)
@click.argument("email", type=EMAIL, metavar="EMAIL")
@click.option("--reserve", "reserve_key", type=RESERVE_KEY, metavar="KEY", help="Only this points reserve.")
@site_context()
def balance(email: str, reserve_key: str | None) -> None:
    """Show a customer's points."""
    from pointsync import db
    from pointsync.ledger import customers, reserves

    session = db.session()
    reserve = reserves.get(session, reserve_key) if reserve_key else None
    customer = customers.get(session, email)
    rows = customers.list_balances(session, customer, reserve)
    printer = table_printer(
        rows, {"reserve": "Reserve", "points": "Points"}, "No points yet.", number_columns=("points",)
    )
    print_result({"customer": customer.email, "balances": rows}, printer)


@click.command(cls=Command)
@click.argument("email", type=EMAIL, metavar="EMAIL")
@click.option("--reserve", "reserve_key", type=RESERVE_KEY, metavar="KEY", help="Only this points reserve.")
@click.option("--limit", type=WholeNumber(1, MAX_LIMIT), default=50, help=f"50 unless given; at most {MAX_LIMIT:,}.")
@site_context()
def history(email: str, reserve_key: str | None, limit: int) -> None:
    """Show a customer's movements, newest first."""
    from pointsync import db
    from pointsync.ledger import customers, reserves

    session = db.session()
    reserve = reserves.get(session, reserve_key) if reserve_key else None
    rows, _ = customers.list_movements(session, customers.get(session, email), reserve, None, limit)
    print_result(
        {"movements": rows}, table_printer(rows, COLUMNS, "No movements yet.", number_columns=("points", "balance"))
    )
