"""`pointsync import`: points from a CSV file."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import REFUSED, WRONG, Fault, plain
from pointsync.cli.framework.output import give, table
from pointsync.cli.framework.param_types import RESERVE
from pointsync.cli.framework.progress import Progress
from pointsync.cli.framework.site_context import change, on_site
from pointsync.imports.formats import SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from pointsync.imports.run import Report

SUMS = {"reserve": "Reserve", "before": "Before", "points": "Points", "after": "After"}
FAULTS = {"line": "Line", "message": "What is wrong"}
SHOWN = 20

Result = TypeVar("Result")


@click.command("import", cls=Command)
@click.argument("file", metavar="FILE")
@click.option("--opening", is_flag=True, help="Opening balances, which stay here; so unless --new is given.")
@click.option("--new", is_flag=True, help="New points, which all sites are sent.")
@click.option("--dry-run", is_flag=True, help="Say what it would do, and do nothing.")
@click.option("--good-lines", is_flag=True, help="Record the good lines where others are faulty.")
@click.option("--format", "shape", type=click.Choice(list(SHAPES)), help="Found by the header unless given.")
@click.option(
    "--reserve", "reserve_key", type=RESERVE, metavar="KEY", default="default", help="Of lines that name none."
)
def imports(
    file: str, opening: bool, new: bool, dry_run: bool, good_lines: bool, shape: str | None, reserve_key: str
) -> None:
    """Record what a CSV FILE holds: opening balances unless told otherwise; - reads stdin.

    All of it or, if any line is faulty, none. The same file once more changes nothing. Columns: customer, reserve,
    points, kind, reason, at, ref; or a list of e-mail addresses and points.
    """
    if opening and new:
        raise click.UsageError("Give either --opening or --new.")

    from pointsync import clock
    from pointsync.cli.framework.shutdown import Stop
    from pointsync.db import Busy
    from pointsync.imports.encoding import Unreadable
    from pointsync.imports.run import STOPPED, Asked, Import

    asked = Asked(not new, shape, reserve_key, good_lines)
    stop, progress = Stop(), Progress()
    with on_site(), tempfile.TemporaryDirectory(prefix="pointsync-") as folder, _on_disk(file, Path(folder)) as path:
        try:
            given = Import(path, asked, Path(folder) / "scratch.db", clock.now())
            report = given.report
            parts = given.check() if dry_run else given.record(_changes())
            with closing(parts), progress:  # type: ignore[type-var]
                for _ in parts:
                    what = "recorded" if report.sums else "checked"
                    progress.tell(f"{report.done:,} of {max(report.done, given.lines):,} lines {what} …")
                    if stop.asked:
                        break
        except Unreadable as error:
            raise Fault(f"{error.message} Nothing was recorded.") from None
        except Busy as error:
            report.why = f"The database is busy or away; try again in a moment ({error})."
    give(report.document, lambda: _tell(report))
    if report.state == STOPPED or (report.tally["faulty"] and not good_lines):
        click.get_current_context().exit(REFUSED)


@contextmanager
def _on_disk(file: str, folder: Path) -> Iterator[Path]:
    """The file itself, or what stdin holds: it is read more than once."""
    if file != "-":
        path = Path(file)
        try:
            with path.open("rb"):
                pass
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise Fault(f"FILE: {plain(file[:200])} cannot be read: {why}.", WRONG) from None
        if not path.is_file():
            raise Fault(f"FILE: {plain(file[:200])} is no file; give a CSV file, or - for stdin.", WRONG)
        yield path
        return
    path = folder / "stdin.csv"
    with path.open("wb") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
    yield path


def _changes() -> "Callable[[Callable[[Session], int]], int]":
    """Writes: the first as every command's, which recognises a copy or a restored database; the others plainly."""
    from pointsync.db import in_write
    from pointsync.runtime import runtime

    is_first = True

    def write(work: "Callable[[Session], Result]") -> Result:
        nonlocal is_first
        if is_first:
            is_first = False
            return change(work)
        result = in_write(work)
        runtime().wake()
        return result

    return write


def _tell(report: "Report") -> None:
    from pointsync.imports.messages import sentences

    for line in sentences(report):
        click.echo(plain(line))
    if report.sums:
        table(report.sums, SUMS, "", numbers=("before", "points", "after"))()
    if report.faults:
        shown: list[dict[str, Any]] = report.faults[:SHOWN]
        table(shown, FAULTS | {"line": report.unit.capitalize()}, "", numbers=("line",))()
        if (faulty := report.tally["faulty"]) > len(shown):
            click.echo(f"… and {faulty - len(shown):,} more faulty ones; --json tells the first 100.")
