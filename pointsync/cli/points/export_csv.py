"""`pointsync export`: customers, movements or deliveries as CSV."""

import csv
import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TextIO

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import WRONG, Fault
from pointsync.cli.framework.output import give, is_json, note
from pointsync.cli.framework.param_types import RESERVE, Day
from pointsync.cli.framework.site_context import on_site
from pointsync.files import whole_file

WHATS = ("customers", "movements", "deliveries")
NOTED = 100_000
ONE_DAY = timedelta(days=1)


@click.command(cls=Command)
@click.argument("what", type=click.Choice(WHATS), default="customers")
@click.option(
    "--reserve", "reserve_key", type=RESERVE, metavar="KEY", help="Of one points reserve; of all unless given."
)
@click.option("--from", "first", type=Day(), help="Movements of that day and later, such as 2026-01-31.")
@click.option("--to", "last", type=Day(), help="Movements of that day and earlier.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write there, not to stdout.")
def export(what: str, reserve_key: str | None, first: date | None, last: date | None, output: Path | None) -> None:
    """Write customers with their balances (unless told otherwise), movements or deliveries as CSV.

    Days are those of the site's time zone. Text that a spreadsheet would take for a formula has an apostrophe
    before it.
    """
    if is_json() and output is None:
        raise Fault("With --json the answer goes to stdout; say by --output FILE where the CSV goes.", WRONG)
    if what == "customers" and (first or last):
        raise Fault("Balances are those of this moment; --from and --to are for movements and deliveries.", WRONG)
    if first and last and last < first:
        raise Fault(f"--to: {last} lies before {first}; give the same day or a later one.", WRONG)
    with on_site():
        if output is None:
            with _stdout() as file:
                _write(file, what, reserve_key, first, last)
            return
        with _whole(output) as file:
            count = _write(file, what, reserve_key, first, last)
        document = {"what": what, "rows": count, "output": str(output)}
        give(document, f"{count:,} {what} are in {output}." if count else f"There are no {what}; {output} is empty.")


def _write(file: TextIO, what: str, reserve_key: str | None, first: date | None, last: date | None) -> int:
    from pointsync.cli.framework.shutdown import Stop
    from pointsync.db import db
    from pointsync.exports import rows
    from pointsync.ledger import reserves
    from pointsync.sync.site import general

    session, stop = db.session(), Stop()
    reserve = reserves.get(session, reserve_key) if reserve_key else None
    zone = general.time_zone(session)

    def midnight(day: date) -> datetime:
        return datetime.combine(day, time.min, zone)

    since = midnight(first) if first else None
    until = midnight(last + ONE_DAY) if last else None
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(rows.header(what))
    count = 0
    which = rows.within(reserve, since, until)
    for page in rows.pages(session, what, which, rows.last(session, what)):
        session.rollback()  # a snapshot held for minutes would let the database's files grow
        if stop.asked:
            raise Fault(f"Stopped after {count:,} lines; run it again for all of them.")
        lines.writerows(page)
        count += len(page)
        if count % NOTED == 0:
            note(f"{count:,} lines …")
    return count


@contextmanager
def _stdout() -> Iterator[TextIO]:
    """Standard output as UTF-8, whatever the terminal says of itself."""
    file = io.TextIOWrapper(sys.stdout.buffer, "utf-8", newline="")
    try:
        yield file
        file.flush()
    finally:
        with suppress(BrokenPipeError):
            file.detach()


@contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """A file for its owner alone that takes the place of `path` once it is whole, and is gone where it never was."""
    if path.exists() and not path.is_file():
        raise Fault(f"--output: {path} is no file; give a file's name, such as customers.csv.", WRONG)
    try:
        with ExitStack() as stack:
            try:
                file = stack.enter_context(whole_file(path))
            except (OSError, ValueError) as error:
                raise Fault(f"--output: nothing can be written at {path}: {_why(error)}.", WRONG) from None
            yield file
    except OSError as error:
        raise Fault(f"--output: nothing can be written at {path}: {_why(error)}.") from None


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
