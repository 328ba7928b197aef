"""Helpers for the import tests: open a file, check it, import it."""

from contextlib import closing
from itertools import islice
from pathlib import Path

from pointsync import db
from pointsync.imports.run import Import, ImportOptions, ImportReport
from tests.support.moving_clock import START as NOW


def create_import(folder: Path, content: str | bytes, *, new=False, now=NOW, **options) -> Import:
    """Open a file with that content as opening balances, or as new points with `new`."""
    path = folder / "given.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Import(path, ImportOptions(is_opening=not new, **options), folder / "scratch.db", now)


def dry_run(folder: Path, content: str | bytes, **options) -> ImportReport:
    """Return the report of a dry run."""
    file_import = create_import(folder, content, **options)
    list(file_import.check(folder / "faults.csv"))
    return file_import.report


def run_import(folder: Path, content: str | bytes, *, parts: int | None = None, **options) -> ImportReport:
    """Import the file and return the report. With `parts`, stop after that many parts."""
    file_import = create_import(folder, content, **options)
    with closing(file_import.record(db.run_in_transaction)) as all_parts:
        list(islice(all_parts, parts))
    return file_import.report
