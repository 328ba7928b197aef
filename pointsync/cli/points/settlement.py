"""`pointsync settlement`: what each site gave and took, month by month."""

import sys
from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import WRONG, Fault
from pointsync.cli.framework.output import give, is_json, table
from pointsync.cli.framework.param_types import RESERVE, Month
from pointsync.cli.framework.site_context import on_site

if TYPE_CHECKING:
    from pointsync.ledger.settlement_sums import Settlement

NUMBERS = ("movements", "given", "taken", "difference")
COLUMNS = {
    "month": "Month",
    "site": "Made at",
    "movements": "Movements",
    "given": "Given",
    "taken": "Taken",
    "difference": "Difference",
}


@click.command(cls=Command)
@click.option("--reserve", "reserve_key", type=RESERVE, default="default", metavar="KEY", help="default unless given.")
@click.option("--from", "first", type=Month(), help="The first month, such as 2026-01; six in all unless given.")
@click.option("--to", "last", type=Month(), help="The last month; this one unless given.")
@click.option("--csv", "is_csv", is_flag=True, help="As CSV, without sums.")
def settlement(reserve_key: str, first: str | None, last: str | None, is_csv: bool) -> None:
    """Show what each site gave and took, month by month, for the owners of the shops to settle by.

    A movement counts in the month in which it was made, in the site's time zone. A site that gave more than it
    took owes the others. Opening balances, corrections and expired points stay on this site and are left out.
    """
    if is_csv and is_json():
        raise Fault("Give one of --csv and --json.", WRONG)
    with on_site():
        _show(reserve_key, first, last, is_csv)


def _show(reserve_key: str, first: str | None, last: str | None, is_csv: bool) -> None:
    from pointsync import clock
    from pointsync.db import db
    from pointsync.errors import Invalid
    from pointsync.ledger import reserves
    from pointsync.ledger import settlement_sums as ledger
    from pointsync.ledger.expiry.rule import today
    from pointsync.reports import settlement as told
    from pointsync.runtime import runtime
    from pointsync.sync.site import general, names

    session = db.session()
    reserve, zone = reserves.get(session, reserve_key), general.time_zone(session)
    try:
        days = ledger.months(first, last, today(clock.now(), zone))
    except Invalid as error:
        [(field, message)] = error.fields.items()
        raise Fault(f"--{field}: {message}", WRONG) from None
    found, known = ledger.settle(session, reserve, days, zone), names.read(session, runtime().config)
    if is_csv:
        sys.stdout.buffer.write(told.as_csv(found, reserve, known).encode())
        sys.stdout.flush()
        return
    document = told.document(found, reserve, zone, known)
    empty = f"No movements in {reserve.key} from {days[0]:%Y-%m} to {days[-1]:%Y-%m}."
    give(document, table(_rows(found, document), COLUMNS, empty, NUMBERS))


def _rows(found: "Settlement", document: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for month in document["months"]:
        if month["sites"]:
            rows += [{"month": month["month"], **each} for each in month["sites"]]
            rows.append({"month": month["month"], "site": "All sites", **month["all"]})
    if len(found.months) > 1 and rows:
        rows += [{"month": "All months", **each} for each in document["sites"]]
        rows.append({"month": "All months", "site": "All sites", **document["all"]})
    return rows
