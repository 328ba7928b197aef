"""`pointsync verify`: check the ledger."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.site_context import site_context

BALANCE_COLUMNS = {"customer": "Customer", "reserve": "Reserve", "balance": "Balance", "movements": "Sum of movements"}
TOTAL_COLUMNS = {
    "hour": "Hour",
    "origin": "Origin",
    "reserve": "Reserve",
    "kind": "Kind",
    "flow": "Hourly total",
    "movements": "Movements",
}


@click.command(cls=Command)
@site_context()
def verify() -> None:
    """Check that every balance and every hourly total is the sum of its movements.

    The exit code is 1 if one is not.
    """
    from pointsync import db
    from pointsync.ledger.verify import find_balance_differences, find_hourly_total_differences

    session = db.session()
    wrong_balances, wrong_totals = find_balance_differences(session), find_hourly_total_differences(session)
    ok_message = "Every balance is the sum of its movements."
    printer = table_printer(wrong_balances, BALANCE_COLUMNS, ok_message, number_columns=("balance", "movements"))
    if wrong_totals and not wrong_balances:
        printer = table_printer(wrong_totals, TOTAL_COLUMNS, ok_message)
    print_result({"ok": not (wrong_balances or wrong_totals), "differences": wrong_balances + wrong_totals}, printer)
    if wrong_balances or wrong_totals:
        click.get_current_context().exit(1)
