"""`pointsync settlement`: what each site gave and took, month by month."""

import sys
from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import EXIT_USAGE, CommandError
from pointsync.cli.framework.options import RESERVE_OPTION
from pointsync.cli.framework.output import is_json_requested, print_result, table_printer
from pointsync.cli.framework.param_types import MONTH
from pointsync.cli.framework.site_context import site_context

if TYPE_CHECKING:
    from pointsync.ledger.settlement_sums import Settlement

NUMBERS = ("movements", "given", "taken", "difference")
COLUMNS = {
    "month": "Month",
    "site": "Recorded at",
    "movements": "Movements",
    "given": "Given",
    "taken": "Taken",
    "difference": "Difference",
}


@click.command(cls=Command)
@RESERVE_OPTION
@click.option("--from", "first", type=MONTH, help="The first month, such as 2026-01. Default: six months in all.")
@click.option("--to", "last", type=MONTH, help="The last month. Default: this month.")
@click.option("--csv", "is_csv", is_flag=True, help="Print CSV, without sums.")
def settlement(reserve_key: str, first: str | None, last: str | None, is_csv: bool) -> None:
    """Show what each site gave and took, month by month, so that the shops' owners can settle.

    A movement counts in the month in which it happened, in the site's time zone. A site that gave more than it took
    owes the others. Opening balances, corrections and expired points stay on this site and are left out.
    """
    if is_csv and is_json_requested():
        raise CommandError("Give one of --csv and --json.", EXIT_USAGE)
    with site_context():
        _print_settlement(reserve_key, first, last, is_csv)


def _print_settlement(reserve_key: str, first: str | None, last: str | None, is_csv: bool) -> None:
    from pointsync import clock, db
    from pointsync.clock import local_date
    from pointsync.errors import InvalidInput
    from pointsync.ledger import reserves, settlement_sums
    from pointsync.reports import settlement as settlement_report
    from pointsync.runtime import get_runtime
    from pointsync.sync.site import general, names

    session = db.session()
    reserve, zone = reserves.get(session, reserve_key), general.get_time_zone(session)
    try:
        days = settlement_sums.parse_months(first, last, local_date(clock.now(), zone))
    except InvalidInput as error:
        [(field, message)] = error.fields.items()
        raise CommandError(f"--{field}: {message}", EXIT_USAGE) from None
    result, site_names = (
        settlement_sums.calculate(session, reserve, days, zone),
        names.read(session, get_runtime().config),
    )
    if is_csv:
        sys.stdout.buffer.write(settlement_report.to_csv(result, reserve, site_names).encode())
        sys.stdout.flush()
        return
    document = settlement_report.to_json(result, reserve, zone, site_names)
    empty = f"No movements in {reserve.key} from {days[0]:%Y-%m} to {days[-1]:%Y-%m}."
    print_result(document, table_printer(_table_rows(result, document), COLUMNS, empty, NUMBERS))


def _table_rows(result: "Settlement", document: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for month in document["months"]:
        if month["sites"]:
            rows += [{"month": month["month"], **each} for each in month["sites"]]
            rows.append({"month": month["month"], "site": "All sites", **month["all"]})
    if len(result.months) > 1 and rows:
        rows += [{"month": "All months", **each} for each in document["sites"]]
        rows.append({"month": "All months", "site": "All sites", **document["all"]})
    return rows
