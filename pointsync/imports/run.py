"""A file of points brought in: looked at as a whole, then recorded bit by bit, stoppable at any moment.

Stopped or killed, what is recorded stays recorded; the same file once more records the rest, since each line is known
by its ref.
"""

import csv
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.csv_safety import escape_formula
from pointsync.errors import DomainError
from pointsync.files import atomic_text_file
from pointsync.imports import dry_run, record_lines
from pointsync.imports import encoding as import_encoding
from pointsync.imports import rows as import_rows
from pointsync.imports.drafts import DraftOptions, DraftParser, ImportLine
from pointsync.imports.dry_run import MAX_LISTED_FAULTS, DryRun
from pointsync.imports.scratch import Scratch
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.models import Remote, Reserve
from pointsync.sync.site import general

CHECKED, REFUSED, RECORDED, STOPPED = "checked", "refused", "recorded", "stopped"
LINES_PER_CHECK = 1000
PAUSE_RATIO = 0.25
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.005, 0.1
"""Between two transactions the shop's own writes have their turn, the longer the longer a transaction took."""

RunInTransaction = Callable[[Callable[[Session], int]], int]
"""Runs its argument in a transaction of its own, as `db.in_write` does."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What an admin says of a file."""

    is_opening: bool = True
    shape: str | None = None
    """One of `csv_shapes.SHAPES`; None to find it by the header."""
    reserve: str = DEFAULT_RESERVE
    """For lines that name none."""
    good_lines: bool = False
    """Record the good lines even where others are faulty."""


@dataclass(slots=True)
class ImportReport:
    """What is to be told of a file, all of it fit for JSON."""

    state: str
    is_opening: bool
    encoding: str
    first_foreign_line: int | None
    shape: str
    unit: str
    """What lines are counted in: `line`, or `entry` of a JSON list."""
    ignored: list[str]
    tally: dict[str, Any] = field(default_factory=dict)
    recorded: int = 0
    done: int = 0
    """How many lines were gone through in what it was at last: checking, or recording."""
    sums: list[dict[str, Any]] = field(default_factory=list)
    """`{reserve, before, points, after}` for each reserve."""
    faults: list[dict[str, Any]] = field(default_factory=list)
    """`{line, message}`, the first 100."""
    sent_to: list[str] = field(default_factory=list)
    """The sites that new points are sent to, by their names."""
    why: str | None = None
    """What ended the recording where nobody asked it to stop."""

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


class Import:
    """One file with what is said of it. It is read from disk in each pass; its scratch is a file beside it.

    `check` and `record` go on by parts of a fraction of a second; whoever runs them may end them at any `yield`, and
    finds in `report` how far it came.
    """

    def __init__(self, path: Path, options: ImportOptions, scratch: Path, now: datetime) -> None:
        """Look through the bytes once. Raises Invalid (`file`, `reserve`) where nothing of it can be recorded."""
        self._path, self._options, self._scratch_path, self._now = path, options, scratch, now
        self._encoding = import_encoding.detect_encoding(path)
        session = db.session()
        self._draft_options = DraftOptions(options.is_opening, general.get_time_zone(session), options.reserve)
        self._parser = DraftParser(session, self._draft_options, self._encoding.digest, now)
        with import_rows.open_rows(path, self._encoding, options.shape) as sheet:
            self.report = ImportReport(
                STOPPED,
                options.is_opening,
                self._encoding.label,
                self._encoding.first_foreign_line,
                sheet.format.name,
                sheet.unit,
                sheet.format.ignored,
            )

    @property
    def line_count(self) -> int:
        """About how many there are, so far as that is known."""
        counted = int(self.report.tally.get("lines", 0))
        return max(self._encoding.line_count - 1, counted) if self.report.unit == "line" else counted

    def check(self, faults_path: Path | None = None) -> Iterator[None]:
        """Look at every line; nothing is recorded. All faults go to `faults_to`, as CSV, where there are any.

        Raises Unreadable where reading cannot go on.
        """
        with closing(Scratch(self._scratch_path)) as scratch:
            yield from self._check_lines(scratch)
            self.report.state = CHECKED
            if faults_path and self.report.tally["faulty"]:
                self._write_faults(scratch, faults_path)

    def record(self, run_in_transaction: RunInTransaction) -> Iterator[None]:
        """Check, and record what is new where no line is faulty, or where the good lines were asked for.

        Raises Unreadable from the check, before anything is recorded. What is refused later, since something changed
        meanwhile, ends it like a stop, and the report says why; Busy is raised.
        """
        with closing(Scratch(self._scratch_path)) as scratch:
            yield from self._check_lines(scratch)
            if self.report.tally["faulty"] and not self._options.good_lines:
                self.report.state = REFUSED
                return
            self.report.done = 0
            for lines in self._iter_lines(record_lines.LINES_PER_TRANSACTION):
                started_at = monotonic()
                if not self._record_lines(scratch, lines, run_in_transaction):
                    return
                sleep(min(max((monotonic() - started_at) * PAUSE_RATIO, MIN_PAUSE_SECONDS), MAX_PAUSE_SECONDS))
                yield
            self.report.state = RECORDED

    def _check_lines(self, scratch: Scratch) -> Iterator[None]:
        session, report = db.session(), self.report
        dry_run = DryRun(session, self._draft_options, self._encoding.digest, scratch)
        report.tally = dry_run.tally.to_json()
        for lines in self._iter_lines(LINES_PER_CHECK):
            dry_run.check_lines(session, lines)
            # A snapshot held for minutes would keep SQLite from emptying its log, and PostgreSQL from cleaning up.
            session.rollback()
            report.tally, report.done = dry_run.tally.to_json(), dry_run.tally.lines
            yield
        report.tally = dry_run.finish().to_json()
        report.sums = _summarize_reserves(session, dry_run.tally.points)
        report.sent_to = [] if self._options.is_opening else list_receiving_sites(session, dry_run.tally.points)
        report.faults = [{"line": line, "message": message} for line, message in scratch.iter_faults(MAX_LISTED_FAULTS)]

    def _record_lines(self, scratch: Scratch, lines: list[ImportLine], run_in_transaction: RunInTransaction) -> bool:
        """Record one part; whether to go on."""
        faulty = scratch.get_faulty_lines(lines[0].number, lines[-1].number)
        good = [line for line in lines if line.number not in faulty]
        try:
            self.report.recorded += run_in_transaction(partial(record_lines.record_lines, lines=good, now=self._now))
        except DomainError as error:
            location = f"Between {self.report.unit} {lines[0].number:,} and {lines[-1].number:,}"
            self.report.why = f"{location}: {error.message}"
            return False
        self.report.done += len(lines)
        return True

    def _iter_lines(self, size: int) -> Iterator[list[ImportLine]]:
        with import_rows.open_rows(self._path, self._encoding, self._options.shape) as sheet:
            while lines := [self._parser.parse(row) for row in islice(sheet.rows, size)]:
                yield lines

    def _write_faults(self, scratch: Scratch, path: Path) -> None:
        with atomic_text_file(path) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow((self.report.unit, "message"))
            writer.writerows((line, escape_formula(message)) for line, message in scratch.iter_faults())


def list_receiving_sites(session: Session, reserves: dict[str, int]) -> list[str]:
    """The sites that are sent what is recorded in these reserves, by their names or URLs."""
    rows = session.execute(
        select(Remote.name, Remote.url)
        .join(Reserve, Reserve.id == Remote.reserve_id)
        .where(Reserve.key.in_(reserves), Remote.deleted_at.is_(None), Remote.closing_at.is_(None))
    )
    return sorted({row.name or row.url for row in rows})


def _summarize_reserves(session: Session, points: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {"reserve": key, "before": before, "points": points.get(key, 0), "after": before + points.get(key, 0)}
        for key, before in dry_run.sum_points(session).items()
    ]
