"""`pointsync verify`: the ledger proved."""

import click

from pointsync.cli.answer import give, table
from pointsync.cli.command import Command
from pointsync.cli.here import on_site

COLUMNS = {"customer": "Customer", "reserve": "Reserve", "balance": "Balance", "movements": "Sum of movements"}


@click.command(cls=Command)
@on_site()
def verify() -> None:
    """Prove that every balance is the sum of its movements; exit code 1 if any is not."""
    from pointsync.db import db
    from pointsync.ledger.verify import differences

    rows = differences(db.session())
    fine = "Every balance is the sum of its movements."
    give(
        {"ok": not rows, "differences": rows},
        table(rows, COLUMNS, fine, numbers=("balance", "movements")),
    )
    if rows:
        click.get_current_context().exit(1)
