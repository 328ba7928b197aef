"""`pointsync verify`: the ledger proved."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import give, table
from pointsync.cli.framework.site_context import on_site

BALANCES = {"customer": "Customer", "reserve": "Reserve", "balance": "Balance", "movements": "Sum of movements"}
FLOWS = {
    "hour": "Hour",
    "origin": "Origin",
    "reserve": "Reserve",
    "kind": "Kind",
    "flow": "Flow",
    "movements": "Movements",
}


@click.command(cls=Command)
@on_site()
def verify() -> None:
    """Prove that every balance, and every hour's flow, is the sum of its movements; exit code 1 if any is not."""
    from pointsync.db import db
    from pointsync.ledger.verify import differences, flow_differences

    session = db.session()
    balances, flows = differences(session), flow_differences(session)
    fine = "Every balance is the sum of its movements."
    said = table(balances, BALANCES, fine, numbers=("balance", "movements"))
    if flows and not balances:
        said = table(flows, FLOWS, fine)
    give({"ok": not (balances or flows), "differences": balances + flows}, said)
    if balances or flows:
        click.get_current_context().exit(1)
