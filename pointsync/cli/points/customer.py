"""`pointsync balance` and `pointsync history`: a customer."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import give, table
from pointsync.cli.framework.param_types import EMAIL, RESERVE, Whole
from pointsync.cli.framework.site_context import on_site

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
@click.option("--reserve", "reserve_key", type=RESERVE, metavar="KEY", help="Only this points reserve.")
@on_site()
def balance(email: str, reserve_key: str | None) -> None:
    """Show a customer's points."""
    from pointsync.db import db
    from pointsync.ledger import customers, reserves

    session = db.session()
    pot = reserves.get(session, reserve_key) if reserve_key else None
    customer = customers.get(session, email)
    rows = customers.balances(session, customer, pot)
    shown = table(rows, {"reserve": "Reserve", "points": "Points"}, "No points yet.", numbers=("points",))
    give({"customer": customer.email, "balances": rows}, shown)


@click.command(cls=Command)
@click.argument("email", type=EMAIL, metavar="EMAIL")
@click.option("--reserve", "reserve_key", type=RESERVE, metavar="KEY", help="Only this points reserve.")
@click.option("--limit", type=Whole(1, MAX_LIMIT), default=50, help=f"50 unless given; at most {MAX_LIMIT:,}.")
@on_site()
def history(email: str, reserve_key: str | None, limit: int) -> None:
    """Show a customer's movements, newest first."""
    from pointsync.db import db
    from pointsync.ledger import customers, reserves

    session = db.session()
    pot = reserves.get(session, reserve_key) if reserve_key else None
    rows, _ = customers.movements(session, customers.get(session, email), pot, None, limit)
    give({"movements": rows}, table(rows, COLUMNS, "No movements yet.", numbers=("points", "balance")))
