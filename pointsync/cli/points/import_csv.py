"""`pointsync import`: import points from a CSV file."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import EXIT_FAILURE, EXIT_USAGE, CommandError, to_one_line
from pointsync.cli.framework.options import RESERVE_OPTION
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.progress import Progress
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.imports.formats import FORMATS, SAME_CUSTOMER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from pointsync.imports.run import ImportReport

BALANCE_COLUMNS = {"reserve": "Reserve", "before": "Before", "points": "Points", "after": "After"}
ERROR_COLUMNS = {"line": "Line", "message": "Problem"}
MAX_ERRORS_SHOWN = 20

Result = TypeVar("Result")


@click.command("import", cls=Command)
@click.argument("file", metavar="FILE")
@click.option("--opening", is_flag=True, help="Import opening balances, which stay on this site (default).")
@click.option("--new", is_flag=True, help="Import new points, which are sent to all sites.")
@click.option("--dry-run", is_flag=True, help="Show what the import would do, and change nothing.")
@click.option("--good-lines", is_flag=True, help="Record the valid lines even if others are not valid.")
@click.option(
    "--same-customer",
    type=click.Choice(list(SAME_CUSTOMER)),
    help="What counts if a list of balances has a customer twice. Default: that is an error.",
)
@click.option("--format", "file_format", type=click.Choice(list(FORMATS)), help="Default: detected by the header.")
@RESERVE_OPTION
def import_points(
    file: str,
    opening: bool,
    new: bool,
    dry_run: bool,
    good_lines: bool,
    same_customer: str | None,
    file_format: str | None,
    reserve_key: str,
) -> None:
    """Import points from a CSV FILE, or from stdin if FILE is -.

    If one line is not valid, nothing is recorded. Importing the same file again changes nothing. Columns: customer,
    reserve, points, kind, reason, at, ref; or a list of e-mail addresses and points. --reserve is for lines that name
    no reserve.
    """
    if opening and new:
        raise click.UsageError("Give either --opening or --new.")

    from pointsync import clock
    from pointsync.cli.framework.shutdown import StopSignal
    from pointsync.db import DatabaseBusy
    from pointsync.imports.encoding import UnreadableFile
    from pointsync.imports.run import STOPPED, Import, ImportOptions

    options = ImportOptions(not new, file_format, reserve_key, good_lines, same_customer)
    stop, progress = StopSignal(), Progress()
    with (
        site_context(),
        tempfile.TemporaryDirectory(prefix="pointsync-") as folder,
        _as_file(file, Path(folder)) as path,
    ):
        try:
            importer = Import(path, options, Path(folder) / "scratch.db", clock.now())
            report = importer.report
            steps = importer.check() if dry_run else importer.record(_make_transact())
            with closing(steps), progress:  # type: ignore[type-var]
                for _ in steps:
                    action = "recorded" if report.sums else "checked"
                    progress.update(f"{report.done:,} of {max(report.done, importer.line_count):,} lines {action} …")
                    if stop.is_requested:
                        break
        except UnreadableFile as error:
            raise CommandError(f"{error.message} Nothing was recorded.") from None
        except DatabaseBusy as error:
            report.why = f"The database is busy or unavailable. Try again shortly ({error})."
    print_result(report, lambda: _print_report(report))
    if report.state == STOPPED or (report.tally.faulty and not good_lines):
        click.get_current_context().exit(EXIT_FAILURE)


@contextmanager
def _as_file(file: str, folder: Path) -> Iterator[Path]:
    """The path of the file, or of a copy of stdin, because an import reads its file several times."""
    if file != "-":
        path = Path(file)
        try:
            with path.open("rb"):
                pass
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CommandError(f"FILE: {to_one_line(file[:200])} cannot be read: {reason}.", EXIT_USAGE) from None
        if not path.is_file():
            raise CommandError(
                f"FILE: {to_one_line(file[:200])} is not a file. Give a CSV file, or - for stdin.", EXIT_USAGE
            )
        yield path
        return
    path = folder / "stdin.csv"
    with path.open("wb") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
    yield path


def _make_transact() -> "Callable[[Callable[[Session], int]], int]":
    """A function that runs transactions: the first with the checks of `transact`, the others without."""
    from pointsync.db import run_in_transaction
    from pointsync.runtime import get_runtime

    is_first = True

    def run(operation: "Callable[[Session], Result]") -> Result:
        nonlocal is_first
        if is_first:
            is_first = False
            return transact(operation)
        result = run_in_transaction(operation)
        get_runtime().wake_couriers()
        return result

    return run


def _print_report(report: "ImportReport") -> None:
    from pointsync.imports.messages import build_messages

    for line in build_messages(report):
        click.echo(to_one_line(line))
    if report.sums:
        table_printer(report.sums, BALANCE_COLUMNS, "", number_columns=("before", "points", "after"))()
    if report.faults:
        shown_errors: list[dict[str, Any]] = report.faults[:MAX_ERRORS_SHOWN]
        table_printer(shown_errors, ERROR_COLUMNS | {"line": report.unit.capitalize()}, "", number_columns=("line",))()
        if (error_count := report.tally.faulty) > len(shown_errors):
            click.echo(f"… and {error_count - len(shown_errors):,} more. --json lists the first 100.")
