"""`pointsync export`: customers, movements or deliveries as CSV."""

import csv
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TextIO

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import EXIT_USAGE, CommandError
from pointsync.cli.framework.options import RESERVE_FILTER_OPTION
from pointsync.cli.framework.output import is_json_requested, print_note, print_result
from pointsync.cli.framework.output_file import open_output
from pointsync.cli.framework.param_types import DAY
from pointsync.cli.framework.site_context import site_context
from pointsync.cli.ops.backup_files import check_not_site_file

EXPORT_KINDS = ("customers", "movements", "deliveries")
ROWS_PER_NOTE = 100_000
ONE_DAY = timedelta(days=1)


@click.command(cls=Command)
@click.argument("what", type=click.Choice(EXPORT_KINDS), default="customers")
@RESERVE_FILTER_OPTION
@click.option("--from", "first", type=DAY, help="The first day of movements or deliveries, such as 2026-01-31.")
@click.option("--to", "last", type=DAY, help="The last day.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to this file. Default: stdout.")
def export(what: str, reserve_key: str | None, first: date | None, last: date | None, output: Path | None) -> None:
    """Write customers with their balances (default), movements or deliveries as CSV.

    Days are in the site's time zone. An apostrophe is added before text that a spreadsheet would read as a formula.
    """
    from pointsync.runtime import get_runtime

    if is_json_requested() and output is None:
        raise CommandError("With --json the result goes to stdout, so the CSV needs a file: --output FILE.", EXIT_USAGE)
    if what == "customers" and (first or last):
        raise CommandError(
            "Balances are the current ones. --from and --to are only for movements and deliveries.", EXIT_USAGE
        )
    if first and last and last < first:
        raise CommandError(f"--to: {last} is before {first}. Give the same day or a later one.", EXIT_USAGE)
    with site_context():
        if output is None:
            with _utf8_stdout() as file:
                _write_csv(file, what, reserve_key, first, last)
            return
        check_not_site_file(output, get_runtime().config, "--output")
        with open_output(output, "--output") as file:
            count = _write_csv(file, what, reserve_key, first, last)
        document = {"what": what, "rows": count, "output": str(output)}
        print_result(
            document,
            f"{count:,} {what} were written to {output}." if count else f"There are no {what}. {output} is empty.",
        )


def _write_csv(file: TextIO, what: str, reserve_key: str | None, first: date | None, last: date | None) -> int:
    from pointsync import db
    from pointsync.cli.framework.shutdown import StopSignal
    from pointsync.exports import rows
    from pointsync.ledger import reserves
    from pointsync.sync.site import general

    session, stop = db.session(), StopSignal()
    reserve = reserves.get(session, reserve_key) if reserve_key else None
    zone = general.get_time_zone(session)

    def start_of_day(day: date) -> datetime:
        return datetime.combine(day, time.min, zone)

    since = start_of_day(first) if first else None
    until = start_of_day(last + ONE_DAY) if last else None
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(rows.get_header(what))
    count = 0
    conditions = rows.build_conditions(reserve, since, until)
    for page in rows.iter_pages(session, what, conditions, rows.get_last_key(session, what)):
        session.rollback()  # a snapshot of several minutes would let the database's files grow
        if stop.is_requested:
            raise CommandError(f"Stopped after {count:,} lines. Run it again for all of them.")
        writer.writerows(page)
        count += len(page)
        if count % ROWS_PER_NOTE == 0:
            print_note(f"{count:,} lines …")
    return count


@contextmanager
def _utf8_stdout() -> Iterator[TextIO]:
    """Standard output as UTF-8, for any encoding of the terminal."""
    file = io.TextIOWrapper(sys.stdout.buffer, "utf-8", newline="")
    try:
        yield file
        file.flush()
    finally:
        with suppress(BrokenPipeError):
            file.detach()
