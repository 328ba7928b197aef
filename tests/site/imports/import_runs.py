"""What the tests of importing share: a file given, looked at or recorded."""

from contextlib import closing
from itertools import islice
from pathlib import Path

from pointsync import db
from pointsync.imports.run import Asked, Import, Report
from tests.support.moving_clock import START as NOW


def given(folder: Path, content: str | bytes, *, new=False, now=NOW, **asked) -> Import:
    """A file with that content, opening balances unless `new`."""
    path = folder / "given.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Import(path, Asked(is_opening=not new, **asked), folder / "scratch.db", now)


def checked(folder: Path, content: str | bytes, **asked) -> Report:
    """What a dry run says."""
    whole = given(folder, content, **asked)
    list(whole.check(folder / "faults.csv"))
    return whole.report


def imported(folder: Path, content: str | bytes, *, parts: int | None = None, **asked) -> Report:
    """What recording it says; it is stopped after so many `parts`."""
    whole = given(folder, content, **asked)
    with closing(whole.record(db.in_write)) as steps:
        list(islice(steps, parts))
    return whole.report
